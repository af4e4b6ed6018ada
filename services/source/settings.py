"""Settings of the source service: the only module of it that reads the environment."""

from dataclasses import dataclass

from services.source.core.schedule import JITTER, MAX_RETRY, MIN_RETRY, Backoff
from shared.api import parse_duration
from shared.runtime.settings import Common, parsed, percentage, text

# Looks at once, each in a process of its own; two cores are kept busy by so many.
CONCURRENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What an operator can choose.
    """

    common: Common
    concurrent: int
    jitter: float
    backoff: Backoff
    artifact_url: str
    selector: str

    @classmethod
    def from_environment(cls) -> "Settings":
        """
        Read them.

        Raises:
            StalledError: A setting is not valid.

        """
        common = Common.from_environment("source")
        default_url = f"http://source-controller.{common.namespace}.svc.cluster.local."
        return cls(
            common=common,
            concurrent=parsed("CONCURRENT", _count, CONCURRENT),
            jitter=parsed("INTERVAL_JITTER_PERCENTAGE", percentage, JITTER),
            backoff=Backoff(
                minimum=parsed("MIN_RETRY_DELAY", parse_duration, MIN_RETRY),
                maximum=parsed("MAX_RETRY_DELAY", parse_duration, MAX_RETRY),
            ),
            artifact_url=text("ARTIFACT_URL", default_url).rstrip("/"),
            selector=text("WATCH_LABEL_SELECTOR"),
        )


def _count(value: str) -> int:
    number = int(value)
    if not 1 <= number <= 64:  # noqa: PLR2004 - more processes than any machine wants
        raise ValueError(f"{value} is not between 1 and 64")
    return number
