"""
When the next pass is due, and when every object was looked at.
"""

from datetime import timedelta
from enum import StrEnum

JITTER = 0.05  # of the interval, either way; the reference's --interval-jitter-percentage
DEPENDENCY = timedelta(seconds=30)  # the reference's --requeue-dependency; events come sooner
LONGEST_VERIFICATION = timedelta(minutes=60)  # within max(interval, this) each object is looked at


class After(StrEnum):
    """
    How a pass ended, as far as the schedule cares.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    DEPENDENCY = "dependency"
    STALLED = "stalled"
    SUSPENDED = "suspended"


def next_pass(
    after: After,
    *,
    interval: timedelta,
    retry_interval: timedelta | None,
    random: float,
    jitter: float = JITTER,
) -> timedelta | None:
    """
    Return the delay until the next pass; None if only a change of the object starts one.

    Args:
        after: How the pass ended.
        interval: ``spec.interval``.
        retry_interval: ``spec.retryInterval``; the interval if it is not set.
        random: From 0 to 1; chooses within the jitter.
        jitter: Share of the interval by which successful passes are spread, either way.

    """
    match after:
        case After.SUCCESS:
            return interval * (1 + jitter * (2 * random - 1))
        case After.FAILURE:
            return retry_interval or interval
        case After.DEPENDENCY:
            return DEPENDENCY
        case After.STALLED | After.SUSPENDED:
            return None


def verification_period(interval: timedelta) -> timedelta:
    """
    Return the time within which every object is verified once.
    """
    return max(interval, LONGEST_VERIFICATION)
