"""
The metadata that a notification carries, out of its four origins.

Later wins: annotations of the object, ``eventMetadata`` of the Alert, its summary, and what the
controller said. Prefixes are stripped; what nobody may rely on is dropped.
"""

from collections.abc import Mapping

from shared.api import Alert
from shared.messages import Event

ANNOTATION_PREFIX = "event.toolkit.fluxcd.io/"
# Identities of artifacts and passes: for programs between the services, not for people.
_DROPPED = frozenset({"digest", "checksum", "token"})


def combined(
    event: Event, alert: Alert, annotations: Mapping[str, str]
) -> tuple[Event, tuple[str, ...]]:
    """
    Return the event with its final metadata, and the keys that two origins disagree about.
    """
    ours = _controller_facts(event)
    summary = {"summary": alert.spec.summary} if alert.spec.summary else {}
    result: dict[str, str] = {}
    disputed: list[str] = []
    for origin in (
        _annotated(annotations) | _annotated(event.metadata),
        dict(alert.spec.event_metadata),
        summary,
        ours,
    ):
        disputed += [key for key in origin if result.get(key, origin[key]) != origin[key]]
        result |= origin
    final = event.model_copy(update={"metadata": dict(sorted(result.items()))})
    return final, tuple(sorted(set(disputed)))


def _annotated(values: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(ANNOTATION_PREFIX): value
        for key, value in values.items()
        if key.startswith(ANNOTATION_PREFIX) and key != ANNOTATION_PREFIX
    }


def _controller_facts(event: Event) -> dict[str, str]:
    group = event.involved_object.api_version.rpartition("/")[0]
    facts: dict[str, str] = {}
    for key, value in event.metadata.items():
        bare = key.removeprefix(f"{group}/") if group else key
        if "/" not in bare and bare not in _DROPPED:
            facts[bare] = value
    return facts
