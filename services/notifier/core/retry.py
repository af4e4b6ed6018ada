"""
When a delivery that failed is tried again, and when it is given up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_DELAY = 1.0  # seconds: most failures are restarts of the other side
LONGEST_DELAY = 1800.0  # seconds: a provider that comes back is noticed within half an hour
LIFETIME = timedelta(hours=72)  # a provider that is down over a long weekend loses nothing
# Retry-After of an hour is honoured; one of a year would keep the lane until the lifetime is over.
_LONGEST_ASKED = 6 * 3600.0
_DOUBLINGS = 20  # more would only make large numbers of what LONGEST_DELAY cuts


@dataclass(frozen=True, slots=True)
class Again:
    """
    Try again after this many seconds.
    """

    delay: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """
    Put it aside, for this reason.
    """

    reason: str


def after_failure(
    *,
    attempts: int,
    accepted: datetime,
    now: datetime,
    asked: float | None,
    jitter: float,
    fault: str,
) -> Again | GiveUp:
    """
    Decide what follows a failed attempt.

    Args:
        attempts: How many have failed, this one included.
        accepted: When the event was taken; the lifetime counts from here.
        now: The time.
        asked: Seconds that the other side asked us to wait, if it did.
        jitter: A number from 0 to 1; spreads the retries of many providers.
        fault: What went wrong, for the reason.

    """
    end = accepted + LIFETIME
    if now >= end:
        hours = LIFETIME.total_seconds() / 3600
        return GiveUp(f"not delivered within {hours:.0f} h; the last attempt said: {fault}")
    backoff = min(FIRST_DELAY * 2.0 ** min(attempts - 1, _DOUBLINGS), LONGEST_DELAY)
    delay = backoff * (0.75 + 0.5 * jitter)
    if asked is not None:
        delay = max(min(asked, _LONGEST_ASKED), FIRST_DELAY)
    # The last attempt comes at the end of the lifetime, not long after it.
    return Again(min(delay, max((end - now).total_seconds(), 0.0)))
