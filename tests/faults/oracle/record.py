"""
What was observed, as values: states of objects in the order of their resourceVersions.

One store stands behind all kinds, so that resourceVersions order all of it.
"""

import hashlib
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.faults.workload.journal import Key, number_of

MANAGER = "setpoint"
OWNER = "kustomize.toolkit.fluxcd.io/name"
SEQUENCE = "setpoint.dev/sequence"
_NOISE = ("managedFields", "resourceVersion", "creationTimestamp", "generation", "selfLink")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    An object from one resourceVersion on; ``obj`` is None when it is gone.

    ``ours`` stands for our entry among its managers; ``managers`` are all that own fields of it.
    """

    version: int
    at: float
    uid: str
    obj: Json | None
    ours: str = ""
    managers: frozenset[str] = frozenset()
    healthy: bool = True

    @property
    def number(self) -> int:
        return number_of(self.obj)

    @property
    def owner(self) -> str:
        labels = ((self.obj or {}).get("metadata") or {}).get("labels") or {}
        return str(labels.get(OWNER, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    What the status of a Kustomization says from one resourceVersion on.
    """

    version: int
    at: float
    generation: int
    observed: int
    ready: str
    reason: str
    message: str
    applied: str
    attempted: int
    spec: Mapping[str, Any]
    gone: bool = False

    @property
    def current(self) -> bool:
        """
        Say whether it claims that all is well with the spec as it is.
        """
        return self.ready == "True" and self.observed == self.generation and not self.gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """
    What the status of the source says from one resourceVersion on.
    """

    version: int
    at: float
    uid: str
    sequence: int
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """
    A deletion of a managed object by the reconciler that the API server granted.
    """

    key: Key
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    One event, as it stands in the stream or came to a sink.
    """

    id: str
    at: float
    where: str
    kind: str
    name: str
    reason: str
    severity: str
    message: str
    timestamp: str
    metadata: Mapping[str, str]

    @property
    def content(self) -> tuple[str, ...]:
        """
        Return what is the same wherever it stands; times are told in whole seconds.
        """
        return (self.kind, self.name, self.reason, self.severity, self.message)

    @property
    def second(self) -> float:
        """
        Return when it says that it happened, in whole seconds.
        """
        return datetime.fromisoformat(self.timestamp).replace(tzinfo=UTC).timestamp()

    @property
    def revision(self) -> str:
        return self._fact("revision")

    @property
    def object(self) -> str:
        return self._fact("object")

    def _fact(self, name: str) -> str:
        # The prefix goes on the way to a sink.
        found = self.metadata.items()
        return next((text for key, text in found if key.rpartition("/")[2] == name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """
    What one service takes at one time.
    """

    at: float
    service: str
    rss: float
    fds: int
    children: int
    files: int


@dataclass(slots=True)
class Record:
    """
    Everything observed; lists are in order.
    """

    objects: dict[Key, list[State]] = field(default_factory=lambda: defaultdict(list))
    # By kind: from what a watch showed last to the list with which it began anew.
    gaps: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    verdicts: dict[str, list[Verdict]] = field(default_factory=lambda: defaultdict(list))
    artifacts: list[Artifact] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    stored: dict[str, Told] = field(default_factory=dict)
    delivered: list[Told] = field(default_factory=list)
    buried: set[str] = field(default_factory=set)
    samples: list[Sample] = field(default_factory=list)
    known: set[str] = field(default_factory=set)  # ids of events that were judged
    judged: int = 0  # the resourceVersion up to which statuses were judged

    def live(self, key: Key) -> State | None:
        """
        Return an object as it is now, None if it is not there.
        """
        states = self.objects.get(key)
        return states[-1] if states and states[-1].obj is not None else None

    def cut(self) -> None:
        """
        Forget what was judged, and keep how everything is now.
        """
        said = [one.version for verdicts in self.verdicts.values() for one in verdicts]
        self.judged = max([self.judged, *said])
        for lists in (self.objects, self.verdicts):
            for name in list(lists):
                lists[name] = lists[name][-1:]
        self.artifacts = self.artifacts[-1:]
        self.gaps.clear()
        self.known |= self.stored.keys()
        self.deletions, self.delivered = [], []
        self.stored, self.buried = {}, set()

    def missed(self, key: Key, version: int) -> bool:
        """
        Say whether the state of an object at a version may be one that no watch showed.
        """
        gaps = self.gaps.get(key.kind, ())
        until = next((end for begin, end in gaps if begin < version < end), None)
        if until is None:
            return False
        before, listed = self.before(key, version), self.before(key, until)
        unchanged = bool(before) and before[-1].obj is not None and before == listed
        return not unchanged

    def before(self, key: Key, version: int) -> list[State]:
        """
        Return an object's states up to a version, that included.
        """
        states = self.objects.get(key, [])
        return states[: bisect_right(states, version, key=lambda one: one.version)]


def state_of(obj: Json, at: float, *, gone: bool = False) -> State:
    """
    Reduce an object to what is judged.
    """
    meta = obj["metadata"]
    entries = meta.get("managedFields") or ()
    ours = [one for one in entries if one["manager"] == MANAGER and not one.get("subresource")]
    kept = {name: value for name, value in meta.items() if name not in _NOISE}
    whole = {name: value for name, value in obj.items() if name != "status"}
    return State(
        version=int(meta["resourceVersion"]),
        at=at,
        uid=meta["uid"],
        obj=None if gone else {**whole, "metadata": kept},
        ours=hashlib.sha256(json.dumps(ours, sort_keys=True).encode()).hexdigest() if ours else "",
        managers=frozenset(one["manager"] for one in entries),
        healthy=_healthy(obj),
    )


def _healthy(obj: Json) -> bool:
    if obj.get("kind") != "Deployment":
        return True
    status, wanted = obj.get("status") or {}, (obj.get("spec") or {}).get("replicas", 1)
    return bool(
        status.get("observedGeneration") == obj["metadata"].get("generation")
        and status.get("updatedReplicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


def verdict_of(obj: Json, at: float, *, gone: bool = False) -> Verdict:
    """
    Reduce a Kustomization to what its status says.
    """
    meta, status = obj["metadata"], obj.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    ready = conditions.get("Ready") or {}
    return Verdict(
        version=int(meta["resourceVersion"]),
        at=at,
        generation=int(meta.get("generation", 0)),
        observed=int(status.get("observedGeneration", -1)),
        ready=ready.get("status", ""),
        reason=ready.get("reason", ""),
        message=ready.get("message", ""),
        applied=status.get("lastAppliedRevision", ""),
        attempted=int((status.get("lastAttempted") or {}).get("sequence", 0)),
        spec=obj.get("spec") or {},
        gone=gone or bool(meta.get("deletionTimestamp")),
    )


def artifact_of(obj: Json, at: float) -> Artifact | None:
    """
    Reduce a source to its artifact.
    """
    artifact = (obj.get("status") or {}).get("artifact")
    if artifact is None:
        return None
    return Artifact(
        version=int(obj["metadata"]["resourceVersion"]),
        at=at,
        uid=obj["metadata"]["uid"],
        sequence=int((artifact.get("metadata") or {}).get(SEQUENCE, 0)),
        revision=artifact["revision"],
    )


def told_of(event: Mapping[str, Any], *, id_: str, at: float, where: str) -> Told:
    """
    Reduce an event to what is judged.
    """
    about = event["involvedObject"]
    return Told(
        id=id_,
        at=at,
        where=where,
        kind=about["kind"],
        name=about["name"],
        reason=event["reason"],
        severity=event["severity"],
        message=event["message"],
        timestamp=str(event["timestamp"])[:19],
        metadata=event.get("metadata") or {},
    )
