"""
Events, the Alerts that want them, and which of them each Provider must get.

What an Alert takes is said here a second time, in a few plain lines: whoever measures whether
anything is lost does not ask the program that is measured.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.common.kustomizations import GROUP, declaration
from shared.messages import Envelope, Event, InvolvedObject, event_id
from shared.messages.subjects import event as event_subject

HOME, OTHER = "flux-system", "apps"
CLUSTER = "local"
NOTIFICATION = "notification.toolkit.fluxcd.io"
SOURCE, KUSTOMIZATION = "GitRepository", "Kustomization"
APIS = {SOURCE: "source.toolkit.fluxcd.io/v1", KUSTOMIZATION: f"{GROUP}/v1"}
CONTROLLERS = {SOURCE: "source-controller", KUSTOMIZATION: "kustomize-controller"}
EACH = 10  # objects of a kind in a namespace
TEAMS = ("red", "blue")
WORDINGS = ("applied revision", "no changes", "drift reverted", "health check failed", "pruned")
FAILED = "health check failed"
_NUMBER = re.compile(r"event (\d+):")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """
    What one event is about, by its number.
    """

    number: int
    kind: str
    namespace: str
    object: int
    wording: str

    @classmethod
    def of(cls, number: int) -> "Happening":
        """
        Return that of a number: each combination comes equally often.
        """
        rest, kind = divmod(number, len(APIS))
        rest, namespace = divmod(rest, 2)
        rest, wording = divmod(rest, len(WORDINGS))
        return cls(
            number=number,
            kind=tuple(APIS)[kind],
            namespace=(HOME, OTHER)[namespace],
            object=rest % EACH,
            wording=WORDINGS[wording],
        )

    @property
    def name(self) -> str:
        return f"{self.namespace}-{self.object}"

    @property
    def severity(self) -> str:
        return "error" if self.wording == FAILED else "info"

    @property
    def team(self) -> str:
        return TEAMS[self.object % len(TEAMS)]

    def envelope(self) -> tuple[str, Envelope]:
        """
        Return subject and envelope, as the services write them.
        """
        now, uid = datetime.now(UTC), f"{self.kind}/{self.namespace}/{self.name}"
        event = Event.model_validate(
            {
                "involvedObject": InvolvedObject(
                    api_version=APIS[self.kind],
                    kind=self.kind,
                    name=self.name,
                    namespace=self.namespace,
                    uid=uid,
                    resource_version=str(self.number),
                ),
                "severity": self.severity,
                "timestamp": now,
                "message": f"event {self.number}: {self.wording} of Deployment/{OTHER}/{self.name}",
                "reason": "ReconciliationSucceeded",
                "metadata": {f"{GROUP}/revision": f"main@sha1:{self.number:040x}"},
                "reportingController": CONTROLLERS[self.kind],
            }
        )
        subject = event_subject(CLUSTER, self.severity, self.kind, self.namespace, self.name)
        return subject, Envelope(
            id=event_id(CLUSTER, uid, event.reason, str(self.number)),
            time=now,
            subject=subject,
            payload=event.model_dump(mode="json", by_alias=True),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    One Alert with one source; what is empty asks for nothing.
    """

    kind: str
    namespace: str
    object: int | None = None
    severe: bool = False
    include: str = ""
    exclude: str = ""
    team: str = ""

    def takes(self, one: Happening) -> bool:
        """
        Say whether an event must be delivered.
        """
        return (
            (one.kind, one.namespace) == (self.kind, self.namespace)
            and self.object in {None, one.object}
            and (not self.severe or one.severity == "error")
            and self.include in one.wording
            and (not self.exclude or self.exclude not in one.wording)
            and self.team in {"", one.team}
        )

    def alert(self, name: str, provider: str) -> Json:
        """
        Declare it.
        """
        number = self.object
        source: Json = {
            "kind": self.kind,
            "namespace": self.namespace,
            "name": "*" if number is None else f"{self.namespace}-{number}",
        }
        if self.team:
            source["matchLabels"] = {"team": self.team}
        spec: Json = {
            "providerRef": {"name": provider},
            "eventSeverity": "error" if self.severe else "info",
            "eventSources": [source],
            "inclusionList": [self.include] if self.include else [],
            "exclusionList": [self.exclude] if self.exclude else [],
        }
        return notification("Alert", name, spec)


def notification(kind: str, name: str, spec: Json) -> Json:
    return {
        "apiVersion": f"{NOTIFICATION}/v1beta3",
        "kind": kind,
        "metadata": {"name": name, "namespace": HOME},
        "spec": spec,
    }


# By Provider, four each. Two that select the same event make one delivery.
WISHES: Mapping[str, tuple[Wish, ...]] = {
    "plain": (
        Wish(kind=KUSTOMIZATION, namespace=HOME),
        Wish(kind=SOURCE, namespace=HOME, severe=True),
        Wish(kind=KUSTOMIZATION, namespace=OTHER, team="red"),
        Wish(kind=SOURCE, namespace=OTHER, object=3),
    ),
    "plain-too": (
        Wish(kind=KUSTOMIZATION, namespace=OTHER, exclude="no changes"),
        Wish(kind=KUSTOMIZATION, namespace=HOME, include="drift"),
        Wish(kind=KUSTOMIZATION, namespace=HOME, severe=True),
        Wish(kind=SOURCE, namespace=OTHER, team="blue"),
    ),
    "signed": (
        Wish(kind=SOURCE, namespace=HOME),
        Wish(kind=SOURCE, namespace=OTHER),
        Wish(kind=KUSTOMIZATION, namespace=OTHER, severe=True),
        Wish(kind=KUSTOMIZATION, namespace=HOME, object=7),
    ),
    "chat": (
        Wish(kind=KUSTOMIZATION, namespace=HOME, include="drift"),
        Wish(kind=KUSTOMIZATION, namespace=OTHER, include="applied", team="blue"),
        Wish(kind=SOURCE, namespace=HOME, severe=True),
        Wish(kind=SOURCE, namespace=OTHER, severe=True, team="red"),
    ),
    "dead": (
        Wish(kind=KUSTOMIZATION, namespace=HOME),
        Wish(kind=KUSTOMIZATION, namespace=OTHER),
        Wish(kind=SOURCE, namespace=OTHER, exclude="applied"),
        Wish(kind=SOURCE, namespace=HOME, object=1),
    ),
}


def number_in(text: str) -> int | None:
    """
    Return the number of the event that a text tells of.
    """
    found = _NUMBER.search(text)
    return int(found[1]) if found else None


def wanted(provider: str, numbers: Iterable[int]) -> set[int]:
    """
    Return which events a Provider must get.
    """
    some = WISHES[provider]
    return {n for n in numbers if any(wish.takes(Happening.of(n)) for wish in some)}


def involved() -> list[Json]:
    """
    Declare the objects that the events are about, with the labels that some Alerts ask for.
    """
    found = []
    for number in range(EACH):
        for space in (HOME, OTHER):
            name, labels = f"{space}-{number}", {"team": TEAMS[number % len(TEAMS)]}
            source: Json = {
                "apiVersion": APIS[SOURCE],
                "kind": SOURCE,
                "metadata": {"name": name, "namespace": space},
                "spec": {"interval": "1h", "url": "https://git.example.com/repository"},
            }
            for one in (source, declaration(name, space, "./")):
                one["metadata"]["labels"] = labels
                found.append(one)
    return found
