"""What can go wrong on the bus, by consequence."""

from shared.errors import TransientError, WaitingError


class Disconnected(TransientError):  # noqa: N818 -- named for the fact, like its base
    """
    NATS is not there now, or did not answer in time.
    """

    default_reason = "BusDisconnected"


class NoStream(TransientError):  # noqa: N818
    """
    Nobody has declared the stream yet, or it was wiped: its owner will declare it.
    """

    default_reason = "NoStream"


class BusFull(TransientError):  # noqa: N818
    """
    The stream is at its size limit and takes nothing more.
    """

    default_reason = "BusFull"


class ApiError(TransientError):
    """
    JetStream refused a request; ``code`` is its own error code.
    """

    default_reason = "BusError"

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class BusForbidden(WaitingError):  # noqa: N818
    """
    This user may not speak on that subject: the server's configuration must change.
    """

    default_reason = "BusForbidden"
