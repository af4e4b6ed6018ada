"""
Which events an Alert selects.

An Alert becomes a ``Rule`` once, when it is read, so that an event costs comparisons only. Labels
are those of the involved object in the API: whoever asks reads them only when a source needs them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.notifier.core.patterns import Patterns, compile_all
from services.notifier.core.references import GROUPS, foreign_group
from shared.api import Alert
from shared.api.references import CrossNamespaceReference
from shared.errors import StalledError
from shared.messages import Event

ALL = "*"
BUS_RESET = "BusReset"
# What a service says of itself, its Lease standing for it: every Alert hears it.
_OF_SERVICES = frozenset({BUS_RESET, "EventsRefused"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    An Alert that can select: its lists compiled, its namespaces filled in.

    ``faults`` says of which sources no event will ever come.
    """

    alert: Alert
    sources: tuple[CrossNamespaceReference, ...]
    include: Patterns
    exclude: Patterns
    faults: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        """
        Namespace of the Alert, and so of its Provider.
        """
        return self.alert.metadata.namespace

    @property
    def provider(self) -> str:
        """
        Name of the Provider.
        """
        return self.alert.spec.provider_ref.name


def rule_of(alert: Alert, *, cross_namespace: bool = True) -> Rule:
    """
    Read an Alert.

    Raises:
        StalledError: An expression is not valid, a source is in a namespace that is not allowed, or
            no source sends events.

    """
    faults = tuple(_faults(alert))
    if faults and len(faults) == len(alert.spec.event_sources):
        raise StalledError("; ".join(faults), reason="NotSupported")
    home = alert.metadata.namespace
    sources = tuple(
        source if source.namespace else source.model_copy(update={"namespace": home})
        for source in alert.spec.event_sources
    )
    foreign = sorted({source.namespace for source in sources} - {home})
    if foreign and not cross_namespace:
        raise StalledError(
            f"spec.eventSources name the namespace {foreign[0]}: this installation allows "
            f"references within {home} only. Move the Alert there",
            reason="AccessDenied",
        )
    return Rule(
        alert=alert,
        sources=sources,
        include=compile_all("spec.inclusionList", alert.spec.inclusion_list),
        exclude=compile_all("spec.exclusionList", alert.spec.exclusion_list),
        faults=faults,
    )


def _faults(alert: Alert) -> Iterator[str]:
    for position, source in enumerate(alert.spec.event_sources):
        here = f"spec.eventSources[{position}]"
        if source.kind not in GROUPS:
            served = " or ".join(sorted(GROUPS))
            yield f"{here}.kind {source.kind} is not supported yet, none sends events: use {served}"
        elif fault := foreign_group(source):
            yield f"{here}.{fault}"


def sources_for(rule: Rule, event: Event) -> tuple[CrossNamespaceReference, ...]:
    """
    Return the sources of the rule that select the event, labels and wording aside.

    What services say of themselves (the bus was reset, events were refused) concerns every Alert,
    though none can name it.
    """
    if rule.alert.spec.suspend or not _severe_enough(rule, event):
        return ()
    if event.reason in _OF_SERVICES and event.involved_object.kind == "Lease":
        return rule.sources[:1] and (_UNLABELLED,)
    return tuple(source for source in rule.sources if _names(source, event))


def effort(rule: Rule, event: Event) -> int:
    """
    Return how many steps the wording may cost, in the worst case.
    """
    return (rule.include.size + rule.exclude.size) * len(event.message)


def worded(rule: Rule, event: Event) -> bool:
    """
    Say whether the rule's lists let the wording of the event pass.
    """
    if rule.include and not rule.include.any_in(event.message):
        return False
    return not rule.exclude.any_in(event.message)


def needs_labels(sources: Iterable[CrossNamespaceReference]) -> bool:
    """
    Say whether the labels of the object decide: no source selects it without them.
    """
    return all(source.match_labels for source in sources)


def labelled(sources: Iterable[CrossNamespaceReference], labels: Mapping[str, str]) -> bool:
    """
    Say whether one of the sources selects an object with these labels.
    """
    return any(source.match_labels.items() <= labels.items() for source in sources)


# Stands for a match that no label decides.
_UNLABELLED = CrossNamespaceReference(kind="Kustomization", name=ALL)


def _names(source: CrossNamespaceReference, event: Event) -> bool:
    found = event.involved_object
    return (
        source.kind == found.kind
        and source.namespace == found.namespace
        and source.name in {ALL, found.name}
    )


def _severe_enough(rule: Rule, event: Event) -> bool:
    return rule.alert.spec.event_severity == "info" or event.severity == "error"
