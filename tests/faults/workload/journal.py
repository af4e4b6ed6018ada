"""
What was committed, touched and wished for, and when: what the oracle knows of the workload.

Nothing in it comes from the system; it is written by who does these things, as they are done.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

COMMIT = "faults.example.com/commit"  # annotation: number of the commit that declared an object so
FORCE = "kustomize.toolkit.fluxcd.io/force"
KINDS_OF_THE_CLUSTER = frozenset({"Namespace"})
SKEW = 0.2  # seconds between the journal's word and others': all of it is of one machine

Json = dict[str, Any]


class Key(NamedTuple):
    """
    What an object is, whatever its version.
    """

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(filter(None, (self.kind, self.namespace, self.name)))

    @classmethod
    def of(cls, obj: Mapping[str, Any], namespace: str = "") -> "Key":
        """
        Return the key of an object, in a namespace if it is declared without one.
        """
        group = str(obj["apiVersion"]).rpartition("/")[0]
        meta = obj["metadata"]
        if obj["kind"] in KINDS_OF_THE_CLUSTER:
            return cls(group, obj["kind"], "", meta["name"])
        return cls(group, obj["kind"], meta.get("namespace", namespace), meta["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """
    One commit: all files as they are then; each holds one object.

    ``broken`` names the folders in which the API server will refuse an object, or of which a file
    cannot be read; then ``files`` are those before it. ``back`` says that
    the branch went back to an older commit, whose ``sha`` and ``files`` this one has.
    """

    number: int
    at: float
    sha: str
    files: Mapping[str, Json]
    broken: frozenset[str] = frozenset()
    back: bool = False

    def under(self, folder: str) -> list[Json]:
        """
        Return the objects of a folder.
        """
        start = f"{folder}/"
        return [obj for path, obj in self.files.items() if path.startswith(start)]

    def declares(self, folder: str, namespace: str) -> dict[Key, Json]:
        """
        Return what a Kustomization of that path and target namespace declares.
        """
        return {Key.of(obj, namespace): obj for obj in self.under(folder)}

    def numbers(self, key: Key) -> set[int]:
        """
        Return the numbers with which an object stands in the files.
        """
        named = (key.kind, key.name)
        found = self.files.values()
        return {number_of(it) for it in found if (it["kind"], it["metadata"]["name"]) == named}


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """
    A change of a live object by another hand; ``version`` is its resourceVersion after that.
    """

    key: Key
    at: float
    uid: str
    version: int = 0
    deleted: bool = False
    manager: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    The spec of a Kustomization from a time on; None from its deletion on.
    """

    name: str
    at: float
    spec: Json | None

    @property
    def folder(self) -> str:
        return str((self.spec or {}).get("path", "")).removeprefix("./")

    @property
    def namespace(self) -> str:
        return str((self.spec or {}).get("targetNamespace", ""))


@dataclass(slots=True)
class Journal:
    """
    All of it, each list in the order of time.

    ``wipes`` are the times, from and to, in which the bus lost what it held; ``clocks`` are the
    seconds by which the clock of a service was wrong at some time; ``canaries`` are texts that may
    stand nowhere but in the Secrets that hold them.
    """

    commits: list[Commit] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    wipes: list[tuple[float, float]] = field(default_factory=list)
    clocks: set[float] = field(default_factory=set)
    canaries: set[str] = field(default_factory=set)
    # More than one only where the branch went back to it.
    _by_sha: dict[str, list[Commit]] = field(default_factory=dict)
    # By folder, each object that ever was in it and the first commit that had it.
    _first: dict[str, dict[str, tuple[int, Json]]] = field(default_factory=dict)

    def add(self, commit: Commit) -> None:
        """
        Write down a commit.
        """
        self.commits.append(commit)
        self._by_sha.setdefault(commit.sha, []).append(commit)
        for path, obj in commit.files.items():
            folder = path.partition("/")[0]
            self._first.setdefault(folder, {}).setdefault(path, (commit.number, obj))

    def formerly(self, folder: str, namespace: str, before: int) -> set[Key]:
        """
        Return what a folder held in any commit before one.
        """
        found = self._first.get(folder, {}).values()
        return {Key.of(obj, namespace) for number, obj in found if number < before}

    @property
    def latest(self) -> Commit:
        return self.commits[-1]

    def commit_at(self, revision: str, at: float = math.inf) -> Commit | None:
        """
        Return the commit of a revision such as ``main@sha1:...``, as it was meant at a time.
        """
        found = self.readings(revision, at)
        return found[-1] if found else None

    def readings(self, revision: str, at: float) -> list[Commit]:
        """
        Return all commits that a revision may have meant at a time, in order.

        Where the branch goes back to a commit, what follows it may still be under way.
        """
        found = self._by_sha.get(revision.rpartition(":")[2], [])
        return [one for one in found if one.at <= at + SKEW] or found[:1]

    def orders(self, key: Key, number: int, at: float) -> list[int]:
        """
        Return the numbers of the commits to which an object may belong that bears a number at a
        time: that number, and later ones where the branch has gone back to it.
        """
        back = [one for one in self.commits if one.back and one.at <= at + SKEW]
        return [number, *(one.number for one in back if number in one.numbers(key))]

    def wished(self, name: str, at: float | None = None) -> Wish | None:
        """
        Return the last wish about a Kustomization, up to a time if one is given.
        """
        found = (one for one in reversed(self.wishes) if one.name == name)
        return next((one for one in found if at is None or one.at <= at), None)

    def kustomizations(self) -> dict[str, Wish]:
        """
        Return the last wish about each that is there now.
        """
        last = {one.name: one for one in self.wishes}
        return {name: one for name, one in last.items() if one.spec is not None}

    def expected(self) -> dict[Key, tuple[str, Json]]:
        """
        Return what has to be in the cluster now: by object, whose it is, and how it looks.
        """
        return {
            key: (name, obj)
            for name, wish in self.kustomizations().items()
            for key, obj in self.latest.declares(wish.folder, wish.namespace).items()
        }

    def ever(self) -> set[Key]:
        """
        Return every object that was declared at any time.
        """
        places = {(one.folder, one.namespace) for one in self.wishes if one.spec is not None}
        return {
            key
            for folder, namespace in places
            for key in self.formerly(folder, namespace, len(self.commits) + 1)
        }


def number_of(obj: Mapping[str, Any] | None) -> int:
    """
    Return the number of the commit that declared an object so; 0 if it does not say.
    """
    text = (((obj or {}).get("metadata") or {}).get("annotations") or {}).get(COMMIT, "")
    return int(text) if text.isdigit() else 0


def fits(declared: Any, live: Any) -> bool:
    """
    Say whether all that is declared is so in the live object, whatever else that has.
    """
    if isinstance(declared, Mapping):
        return isinstance(live, Mapping) and all(
            fits(value, live.get(name)) for name, value in declared.items()
        )
    if isinstance(declared, list):
        return (
            isinstance(live, list)
            and len(live) == len(declared)
            and all(fits(one, other) for one, other in zip(declared, live, strict=True))
        )
    return bool(declared == live)


def misfits(declared: Any, live: Any, path: str = "") -> Iterable[str]:
    """
    Name the paths at which the live object is not as declared.
    """
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        for name, value in declared.items():
            yield from misfits(value, live.get(name), f"{path}.{name}")
    elif not fits(declared, live):
        yield path or "."
