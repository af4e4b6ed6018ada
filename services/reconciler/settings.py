"""Settings of the reconciler: the only module of it that reads the environment."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from services.reconciler.core.schedule import JITTER
from shared.errors import StalledError
from shared.runtime.settings import Common, parsed, percentage, text

# Passes at once. A pass is mostly waiting for the API server; more would only lengthen its queue.
CONCURRENT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What an operator may choose; design, section 13, has names and defaults.
    """

    common: Common
    concurrent: int
    jitter: float  # share of the interval
    no_cross_namespace_refs: bool
    watch_label_selector: str
    renderer: Path

    @classmethod
    def from_environment(cls) -> "Settings":
        """
        Read them.

        Raises:
            StalledError: A setting is not valid, or the render worker is not there.

        """
        given = text("RENDERER", "setpoint-renderer")
        renderer = shutil.which(given)
        if renderer is None:
            raise StalledError(
                f"the render worker {given} is not there: build it with `make programs` and name "
                "it with SETPOINT_RENDERER"
            )
        return cls(
            common=Common.from_environment("reconciler"),
            concurrent=max(1, parsed("CONCURRENT", int, CONCURRENT)),
            jitter=parsed("INTERVAL_JITTER_PERCENTAGE", percentage, JITTER),
            no_cross_namespace_refs=text("NO_CROSS_NAMESPACE_REFS").lower() in {"true", "1"},
            watch_label_selector=text("WATCH_LABEL_SELECTOR"),
            renderer=Path(renderer),
        )
