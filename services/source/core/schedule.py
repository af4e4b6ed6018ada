"""
When a source is looked at again.

Randomness comes in as a number from 0 to 1, so that each decision can be computed twice.
"""

from dataclasses import dataclass

MIN_RETRY = 0.75  # seconds; the reference's --min-retry-delay
MAX_RETRY = 15 * 60.0  # seconds; the reference's --max-retry-delay
JITTER = 0.05  # of the interval, either way; the reference's --interval-jitter-percentage


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """
    How long a failing source waits: full jitter between the minimum and a doubling ceiling.
    """

    minimum: float = MIN_RETRY
    maximum: float = MAX_RETRY

    def delay(self, failures: int, chance: float, asked: float | None = None) -> float:
        """
        Return the seconds until the next try after ``failures`` failures in a row.

        Args:
            failures: At least 1.
            chance: From 0 to 1.
            asked: What the origin asked for, which wins up to the maximum.

        """
        if asked is not None:
            return min(max(asked, self.minimum), self.maximum)
        # The exponent is bounded so that it cannot overflow after days of failures.
        ceiling = min(self.maximum, self.minimum * 2.0 ** min(failures, 32))
        return self.minimum + (ceiling - self.minimum) * chance


def steady(interval: float, chance: float, jitter: float = JITTER) -> float:
    """
    Return the seconds until the next look after a success: the interval, spread evenly.
    """
    return interval * (1 + jitter * (2 * chance - 1))
