"""From the consequence of a failure to the answer on the bus."""

from dataclasses import dataclass

from shared.errors import MalformedError, StalledError, TransientError, WaitingError
from shared.messages import UnknownVersion

CRASHES = 5  # times that a message may crash its handler
FIRST_DELAY = 0.5  # seconds; doubled at each attempt
LONGEST_DELAY = 300.0  # seconds
WAITING_DELAY = 30.0  # seconds
UNKNOWN_VERSION_DELAY = 600.0  # seconds
UNKNOWN_VERSION_ATTEMPTS = 432  # times 10 minutes: three days


@dataclass(frozen=True, slots=True)
class Ack:
    """
    Done: the effect is durable.
    """


@dataclass(frozen=True, slots=True)
class Nak:
    """
    Again, after a delay in seconds.
    """

    delay: float


@dataclass(frozen=True, slots=True)
class Term:
    """
    Never again: it becomes a dead letter with this reason.
    """

    reason: str


Outcome = Ack | Nak | Term


def outcome_of(  # noqa: PLR0911 -- one return per consequence
    error: BaseException, attempts: int, *, crashes: int | None = None
) -> Outcome:
    """
    Map a failure to its answer.

    Args:
        error: What the handler raised.
        attempts: How often the message was delivered, this time included.
        crashes: How many of these ended in an unexpected failure; all, if not known.

    """
    match error:
        case UnknownVersion():
            if attempts >= UNKNOWN_VERSION_ATTEMPTS:
                return Term(f"unknown version for three days: {error.message}")
            return Nak(error.retry_after or UNKNOWN_VERSION_DELAY)
        case MalformedError():
            return Term(error.message)
        case StalledError():
            return Ack()
        case WaitingError():
            return Nak(error.retry_after or WAITING_DELAY)
        case TransientError():
            return Nak(error.retry_after or growing(attempts))
        case _:
            if (attempts if crashes is None else crashes) >= CRASHES:
                # The type alone: the text of a foreign exception may hold anything.
                return Term(f"the handler failed {CRASHES} times: {type(error).__name__}")
            return Nak(growing(attempts))


def growing(attempts: int) -> float:
    """
    Return the delay before the next attempt, in seconds.
    """
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(max(attempts, 1) - 1, 20)))
