"""An API server in memory: versions, preconditions, server-side apply with owners, watches."""

import copy
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from services.reconciler.core.manifest import MANAGER, key_of
from services.reconciler.ports import Json, Kind
from shared.errors import SetpointError
from shared.kube.errors import Conflict, Invalid, KindNotServed, NamespaceMissing
from shared.model import ObjectKey

Path = tuple[str, ...]
Owners = dict[tuple[str, str], tuple[set[Path], str]]  # by manager and operation: paths, and when
# Called with an object before and after; None where it is not there.
Watcher = Callable[[Json | None, Json | None], None]

DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
KUSTOMIZE, SOURCE = "kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io"
_KINDS = (
    ("", "v1", "ConfigMap", True),
    ("", "v1", "Secret", True),
    ("", "v1", "Namespace", False),
    ("apps", "v1", "Deployment", True),
    (KUSTOMIZE, "v1", "Kustomization", True),
    (SOURCE, "v1", "GitRepository", True),
    (*DEFINITION[:1], "v1", DEFINITION[1], False),
)
_WITHOUT_GENERATION = {"ConfigMap", "Secret", "Namespace"}
_OPTIMISTIC = "the object has been modified; please apply your changes to the latest version"


class FakeApi:
    """
    Objects as the API server shows them. Lists are owned as a whole.
    """

    def __init__(self, *namespaces: str) -> None:
        self.objects: dict[ObjectKey, Json] = {}
        self.kinds: dict[tuple[str, str], Kind] = {}
        self.refusals: dict[ObjectKey, SetpointError] = {}
        self.watchers: list[Watcher] = []
        self._version = 100
        for group, version, kind, namespaced in _KINDS:
            self.serve(Kind(group=group, version=version, kind=kind, namespaced=namespaced))
        for name in namespaces:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self.apply(body, manager="test")

    @property
    def version(self) -> int:
        """
        Return the version of the newest write.
        """
        return self._version

    def serve(self, kind: Kind) -> None:
        self.kinds[kind.group, kind.kind] = kind

    def find(self, key: ObjectKey) -> Json | None:
        return copy.deepcopy(self.objects.get(key))

    def apply(self, obj: Json, *, manager: str = MANAGER, dry_run: bool = False) -> Json:
        """
        Apply server-side, forcing conflicts; equal content gets no new version.
        """
        key = key_of(obj)
        self._admit(key, str(obj["apiVersion"]).rpartition("/")[2])
        old = self.objects.get(key)
        owners = _owners(old)
        before = owners.pop((manager, "Apply"), None)
        mine = set(_leaves(obj))
        others = set().union(*(paths for paths, _ in owners.values()))
        new = copy.deepcopy(old) if old else self._new(key, obj)
        for path in (before[0] if before else set()) - mine - others:
            _remove(new, path)
        for path in mine:
            _set(new, path, copy.deepcopy(_value(obj, path)))
        _check(key, old, new)
        taken = {path for path in mine if old and _value(old, path) != _value(new, path)}
        owners = {who: (paths - taken, at) for who, (paths, at) in owners.items() if paths - taken}
        same = old is not None and before is not None and before[0] == mine and old == new
        if same:
            return copy.deepcopy(new)
        owners[manager, "Apply"] = (mine, self._time())
        if dry_run:
            new["metadata"]["managedFields"] = _managed(new, owners)
            return new
        return self.store(key, new, owners)

    def edit(self, key: ObjectKey, change: Json, *, manager: str = "kubectl-edit") -> Json:
        """
        Merge a change as another client would; it owns what it changes from then on.
        """
        old = self.objects[key]
        new = merged(old, change)
        touched = {path for path in _leaves(new) if _value(old, path) != _value(new, path)}
        gone = set(_leaves(old)) - set(_leaves(new))
        owners = {}
        for who, (paths, at) in _owners(old).items():
            if paths - touched - gone:
                owners[who] = (paths - touched - gone, at)
        if touched:
            paths, _ = owners.get((manager, "Update"), (set(), ""))
            owners[manager, "Update"] = (paths | touched, self._time())
        return self.store(key, new, owners)

    def delete(self, key: ObjectKey) -> None:
        """
        Delete as anybody may: an object with finalizers stays until they are gone.
        """
        obj = self.objects[key]
        if obj["metadata"].get("finalizers"):
            new = merged(obj, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
            self.store(key, new)
            return
        self._tell(self.objects.pop(key), None)
        if (key.group, key.kind) == ("", "Namespace"):
            for held in [one for one in self.objects if one.namespace == key.name]:
                self._tell(self.objects.pop(held), None)

    def newest(self, obj: Json) -> Json:
        """
        Return the object if ``obj`` is its newest version.
        """
        now = self.objects.get(key_of(obj))
        if now is None or now["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise Conflict(_OPTIMISTIC)
        return copy.deepcopy(now)

    def store(
        self,
        key: ObjectKey,
        obj: Json,
        owners: Owners | None = None,
    ) -> Json:
        """
        Keep an object as its next version; owners stay as they are if none are given.
        """
        old = self.objects.get(key)
        meta = obj["metadata"]
        if owners is not None:
            meta["managedFields"] = _managed(obj, owners)
        if key.kind not in _WITHOUT_GENERATION:
            moved = old is not None and old.get("spec") != obj.get("spec")
            meta["generation"] = meta.get("generation", 0) + 1 if moved or old is None else (
                meta["generation"]
            )  # fmt: skip
        self._version += 1
        meta["resourceVersion"] = str(self._version)
        if (key.group, key.kind) == DEFINITION:
            self._define(obj)
        self.objects[key] = obj
        self._tell(old, obj)
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            self._tell(self.objects.pop(key), None)
        return copy.deepcopy(obj)

    def _admit(self, key: ObjectKey, version: str) -> None:
        refusal = self.refusals.get(key)
        if refusal is not None:
            raise refusal
        kind = self.kinds.get((key.group, key.kind))
        if kind is None or kind.version != version:
            raise KindNotServed(f"{key}: nobody serves this kind")
        place = ObjectKey(group="", kind="Namespace", namespace="", name=key.namespace)
        if kind.namespaced and place not in self.objects:
            raise NamespaceMissing(f"{key}: namespace {key.namespace} is not there")

    def _new(self, key: ObjectKey, obj: Json) -> Json:
        meta = {"name": key.name, "uid": f"uid-{self._version + 1}"}
        if key.namespace:
            meta["namespace"] = key.namespace
        meta["creationTimestamp"] = self._time()
        return {"apiVersion": obj["apiVersion"], "kind": key.kind, "metadata": meta}

    def _define(self, obj: Json) -> None:
        spec = obj["spec"]
        obj["status"] = {"conditions": [
            {"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"},
        ]}  # fmt: skip
        for version in spec["versions"]:
            if version.get("served"):
                namespaced = spec["scope"] == "Namespaced"
                kind = spec["names"]["kind"]
                self.serve(
                    Kind(
                        group=spec["group"],
                        version=version["name"],
                        kind=kind,
                        namespaced=namespaced,
                    )
                )

    def _time(self) -> str:
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._version)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _tell(self, old: Json | None, new: Json | None) -> None:
        for watcher in list(self.watchers):
            watcher(copy.deepcopy(old), copy.deepcopy(new))


def merged(old: Any, change: Any) -> Any:
    """
    Merge as RFC 7386 says: None removes.
    """
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    new = dict(copy.deepcopy(old)) if isinstance(old, dict) else {}
    for name, value in change.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = merged(new.get(name), value)
    return new


def _check(key: ObjectKey, old: Json | None, new: Json) -> None:
    if old and old.get("immutable") and old.get("data") != new.get("data"):
        raise Invalid(f"{key}: data: Forbidden: field is immutable when `immutable` is set")


def _leaves(obj: Json, at: Path = ()) -> Iterator[Path]:
    """
    Yield the paths that can be owned; maps are told apart, all else is one value.
    """
    for name, value in obj.items():
        path = (*at, name)
        if path in {("apiVersion",), ("kind",), ("status",)}:
            continue
        if path[0] == "metadata" and len(path) == 2 and name not in {"labels", "annotations"}:
            continue
        if isinstance(value, dict) and value:
            yield from _leaves(value, path)
        elif path != ("metadata",):
            yield path


def _managed(obj: Json, owners: Owners) -> list[Json]:
    return [
        {
            "manager": who,
            "operation": how,
            "time": at,
            "apiVersion": obj["apiVersion"],
            "fieldsType": "FieldsV1",
            "fieldsV1": _tree(paths),
        }
        for (who, how), (paths, at) in owners.items()
    ]


def _owners(obj: Json | None) -> Owners:
    found = (obj or {"metadata": {}})["metadata"].get("managedFields") or ()
    return {
        (one["manager"], one["operation"]): (set(_paths(one["fieldsV1"])), one["time"])
        for one in found
    }


def _paths(fields: Json, at: Path = ()) -> Iterator[Path]:
    for step, below in fields.items():
        path = (*at, step.removeprefix("f:"))
        if below:
            yield from _paths(below, path)
        else:
            yield path


def _tree(paths: Iterable[Path]) -> Json:
    tree: Json = {}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(f"f:{step}", {})
    return tree


def _value(obj: Json, path: Path) -> Any:
    node: Any = obj
    for step in path:
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _set(obj: Json, path: Path, value: Any) -> None:
    node = obj
    for step in path[:-1]:
        node = node.setdefault(step, {})
    node[path[-1]] = value


def _remove(obj: Json, path: Path) -> None:
    node = _value(obj, path[:-1])
    if isinstance(node, dict):
        node.pop(path[-1], None)
