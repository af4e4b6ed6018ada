"""
The four consequences of a failure: an error is named by what happens next.

Adapters translate what their client library raises into one of these; exactly one function maps
each of them to an answer on the bus (``shared.bus.outcome``) and to a retry.
"""

NOT_LEADER = "NotLeader"  # the reason of what a lost Lease keeps from being written or told


class SetpointError(Exception):
    """
    A failure with its reason for conditions and a message for people.

    Args:
        message: Names the object, what was expected, and what to do. Never holds a secret.
        reason: The API's own reason for the condition, such as ``GitOperationFailed``.
        retry_after: Seconds that the other side asked us to wait, if it did.

    """

    default_reason = "Failed"

    def __init__(
        self, message: str, *, reason: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.retry_after = retry_after

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.reason}: {self.message})"


class TransientError(SetpointError):
    """It may work next time: try again after a growing delay."""


class WaitingError(SetpointError):
    """It needs something that is not there yet: try again after a fixed delay, or when it comes."""


class StalledError(SetpointError):
    """It cannot work until somebody changes the declaration: say so and wait for the change."""


class MalformedError(SetpointError):
    """The input can never be read: put it aside and go on."""
