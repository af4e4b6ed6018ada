"""
Durations as the API writes them: ``1m30s``, ``0.5s``, ``1h``.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

INTERVAL_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
TIMEOUT_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$"  # origins and providers: hours make no sense

_FORM = re.compile(INTERVAL_PATTERN.removeprefix("^").removesuffix("$"))
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LIMIT = 2**63 / 1e9  # seconds; other clients of this API count nanoseconds in 64 bits
_MICROS = 1_000_000  # per second; finer parts of a second are noise
_MINUTE = 60
_HOUR = 3600


def parse_duration(text: str) -> float:
    """
    Return the seconds of a duration.

    Raises:
        ValueError: Another form, or longer than 292 years.

    """
    if not _FORM.fullmatch(text):
        raise ValueError(f"duration {text[:80]!r} is not of a form like 30s, 5m or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    if seconds >= _LIMIT:
        raise ValueError(f"duration {text[:80]!r} is longer than 292 years")
    return seconds


def format_duration(seconds: float) -> str:
    """
    Return the shortest exact text: ``10m0s``, ``1h0m0s``, ``25.5s``, ``500ms``, ``0s``.

    Raises:
        ValueError: Negative or not finite; the API has no form for it.

    """
    if not 0 <= seconds < _LIMIT:
        raise ValueError(f"no duration has {seconds} seconds")
    micros = round(seconds * _MICROS)
    if 0 < micros < _MICROS:
        return f"{_decimal(micros, 1000)}ms"
    whole_minutes, rest = divmod(micros, _MINUTE * _MICROS)
    text = f"{_decimal(rest, _MICROS)}s"
    if whole_minutes:
        hours, minutes = divmod(whole_minutes, _HOUR // _MINUTE)
        text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
    return text


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _check(text: str) -> str:
    parse_duration(text)
    return text


# On the wire durations stay text: what was read is written back as it was.
Interval = Annotated[str, Field(pattern=INTERVAL_PATTERN), AfterValidator(_check)]
Timeout = Annotated[str, Field(pattern=TIMEOUT_PATTERN), AfterValidator(_check)]
