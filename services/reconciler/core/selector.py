"""
Choosing objects as kustomize does: anchored patterns for names, selectors for labels.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from services.reconciler.core.manifest import Desired, version_of
from shared.api.references import Selector
from shared.errors import StalledError

LONGEST_PATTERN = 253  # characters, as names
# A repeated group can take exponential time in Python's engine; names need none.
_REPEATED_GROUP = re.compile(r"\)[*+{?]")
_REQUIREMENT = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<absent_key>[\w./-]+)"
    r"|(?P<key>[\w./-]+)\s*(?:(?P<equal>==|=|!=)\s*(?P<value>[\w.-]*)"
    r"|(?P<set>\bin\b|\bnotin\b)\s*\((?P<values>[\w.,\s-]*)\))?)\s*(?:,|$)"
)


class SelectorError(StalledError):
    """A selector of the Kustomization cannot be read."""

    default_reason = "ReconciliationFailed"


def selects(selector: Selector | None, one: Desired) -> bool:
    """
    Say whether a selector chooses an object; all of its parts must match.

    Raises:
        SelectorError: A pattern or a label selector cannot be read.

    """
    if selector is None:
        return True
    key, metadata = one.key, one.object.get("metadata") or {}
    parts = (
        (selector.group, key.group),
        (selector.version, version_of(one.api_version)),
        (selector.kind, key.kind),
        (selector.name, key.name),
        (selector.namespace, key.namespace),
    )
    return (
        all(not pattern or _pattern(pattern).fullmatch(value) for pattern, value in parts)
        and matches(selector.label_selector, metadata.get("labels"))
        and matches(selector.annotation_selector, metadata.get("annotations"))
    )


def matches(text: str, labels: Mapping[str, Any] | None) -> bool:
    """
    Say whether labels meet a label selector: ``a=b,c!=d,e in (f,g),h,!i``.

    Raises:
        SelectorError: The selector cannot be read.

    """
    held = labels or {}
    at = 0
    while at < len(text):
        found = _REQUIREMENT.match(text, at)
        if found is None or found.end() == at:
            raise SelectorError(
                f"label selector {text!r} cannot be read; write it like a=b,c!=d,e in (f,g),!h"
            )
        if not _meets(found, held):
            return False
        at = found.end()
    return True


def _meets(found: re.Match[str], held: Mapping[str, Any]) -> bool:
    if found["absent"]:
        return found["absent_key"] not in held
    value = held.get(found["key"])
    if found["equal"]:
        return (value == found["value"]) is (found["equal"] != "!=")
    if found["set"]:
        values = {one.strip() for one in found["values"].split(",")}
        return (value in values) is (found["set"] == "in")
    return found["key"] in held


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    if len(text) > LONGEST_PATTERN or _REPEATED_GROUP.search(text):
        raise SelectorError(
            f"pattern {text[:80]!r} is too long or repeats a group; name the objects more plainly"
        )
    try:
        return re.compile(text)
    except re.error as error:
        raise SelectorError(f"pattern {text!r} cannot be read: {error}") from error
