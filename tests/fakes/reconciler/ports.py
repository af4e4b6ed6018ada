"""The world of the reconciler, in memory. Objects of all kinds live in one ``FakeApi``."""

import asyncio
import base64
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import yaml

from services.reconciler.core.manifest import key_of
from services.reconciler.core.owner import OWNER_NAME
from services.reconciler.core.rendering import Index, Looked, Rendered, RenderFailed, RenderRequest
from services.reconciler.declaration import FINALIZER
from services.reconciler.ports import Json, Kind, Notice, Seen, Snapshot
from shared.artifact import File, Tree, encode_index, index, pack, unpack
from shared.errors import TransientError, WaitingError
from shared.kube.errors import Conflict, Invalid, NotFound
from shared.messages import Event
from shared.model import Digest, ObjectKey
from shared.runtime import Clock
from tests.fakes.reconciler.api import KUSTOMIZE, SOURCE, FakeApi


class FakeCluster:
    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.applied: list[ObjectKey] = []
        self.deleted: list[ObjectKey] = []
        self.read: list[ObjectKey] = []
        self.on_read: Callable[[ObjectKey], None] = lambda _: None

    async def kind(self, group: str, kind: str, version: str = "") -> Kind | None:
        found = self.api.kinds.get((group, kind))
        return found if found and version in {"", found.version} else None

    async def get(self, key: ObjectKey) -> Json | None:
        self.read.append(key)
        self.on_read(key)
        return self.api.find(key)

    async def apply(self, obj: Json, *, dry_run: bool = False) -> Json:
        answer = self.api.apply(obj, dry_run=dry_run)
        if not dry_run:
            self.applied.append(key_of(obj))
        return answer

    async def rewrite_managers(self, key: ObjectKey, ops: list[Json]) -> Json:
        obj = self.api.find(key)
        if obj is None:
            raise NotFound(f"{key} is not there")
        for op in ops:
            *parents, last = [
                step.replace("~1", "/").replace("~0", "~") for step in op["path"].split("/")[1:]
            ]
            node = obj
            for step in parents:
                node = node[step]
            match op["op"]:
                case "test":
                    if node[last] != op["value"]:
                        raise Invalid(f"{key}: the test of {op['path']} failed")
                case "replace":
                    node[last] = op["value"]
                case "remove":
                    del node[last]
        return self.api.store(key, obj)

    async def delete(self, key: ObjectKey, *, uid: str, resource_version: str) -> bool:
        live = self.api.objects.get(key)
        if live is None:
            return False
        meta = live["metadata"]
        # As the real one: what is not named is not asked for.
        for given, there in ((uid, meta["uid"]), (resource_version, meta["resourceVersion"])):
            if given and given != there:
                raise Conflict(f"{key} is not the one that was read")
        self.api.delete(key)
        self.deleted.append(key)
        return True


class FakeWatches:
    def __init__(self, api: FakeApi) -> None:
        self.api = api

    def managed(self, kind: Kind, *, whole: bool) -> AsyncIterator[Notice]:
        return self._follow(
            kind.group,
            kind.kind,
            lambda obj: OWNER_NAME in (obj["metadata"].get("labels") or {}),
            whole=whole,
        )

    def single(self, kind: Kind, key: ObjectKey) -> AsyncIterator[Notice]:
        return self._follow(kind.group, kind.kind, lambda obj: key_of(obj) == key)

    def definitions(self) -> AsyncIterator[Notice]:
        return self._follow(
            "apiextensions.k8s.io", "CustomResourceDefinition", lambda _: True, whole=False
        )

    def declared(self, kind: str) -> AsyncIterator[Notice]:
        group = KUSTOMIZE if kind == "Kustomization" else SOURCE
        return self._follow(group, kind, lambda _: True)

    async def _follow(
        self, group: str, kind: str, wanted: Callable[[Json], bool], *, whole: bool = True
    ) -> AsyncIterator[Notice]:
        notices: asyncio.Queue[Notice] = asyncio.Queue()

        def mine(obj: Json | None) -> bool:
            if obj is None:
                return False
            key = key_of(obj)
            return (key.group, key.kind) == (group, kind) and wanted(obj)

        def watch(old: Json | None, new: Json | None) -> None:
            if new is not None and mine(new):
                notices.put_nowait(Seen(object=_part(new, whole=whole)))
            elif old is not None and mine(old):
                notices.put_nowait(Seen(object=_part(new or old, whole=whole), gone=True))

        self.api.watchers.append(watch)
        try:
            found = [obj for obj in self.api.objects.values() if mine(obj)]
            yield Snapshot(objects=tuple(_part(obj, whole=whole) for obj in found))
            while True:
                yield await notices.get()
        finally:
            self.api.watchers.remove(watch)


class FakeDeclarations:
    def __init__(self, api: FakeApi) -> None:
        self.api = api

    async def read(self, namespace: str, name: str) -> Json | None:
        return self.api.find(kustomization_key(namespace, name))

    async def write_status(self, obj: Json, status: Json) -> Json:
        new = self.api.newest(obj)
        new["status"] = copy.deepcopy(status)
        return self.api.store(key_of(new), new)

    async def set_finalizer(
        self, obj: Json, *, present: bool, annotations: Mapping[str, str] | None = None
    ) -> Json:
        new = self.api.newest(obj)
        others = [one for one in new["metadata"].get("finalizers", ()) if one != FINALIZER]
        new["metadata"]["finalizers"] = [*others, FINALIZER] if present else others
        if annotations:
            new["metadata"].setdefault("annotations", {}).update(annotations)
        return self.api.store(key_of(new), new)

    async def values(self, kind: str, namespace: str, name: str) -> dict[str, str] | None:
        obj = self.api.find(ObjectKey(group="", kind=kind, namespace=namespace, name=name))
        if obj is None:
            return None
        data: dict[str, str] = obj.get("data") or {}
        if kind != "Secret":
            return data
        return {key: _text(base64.b64decode(value)) for key, value in data.items()}


class FakeArtifacts:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.stored: dict[Digest, bytes] = {}
        self.disk: dict[Digest, bytes] = {}
        self.indexes: dict[Digest, Mapping[str, str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.kept: frozenset[Digest] = frozenset()
        self._asked_at: dict[tuple[str, str], float] = {}

    def put(self, files: Mapping[str, str]) -> tuple[Digest, Digest]:
        """
        Store an artifact as source does; return its digest and its index's.
        """
        tree = Tree({path: File(data=text.encode()) for path, text in files.items()})
        data, entries = pack(tree), index(tree)
        digest = Digest.of(data)
        self.stored[digest] = data
        self.indexes[digest] = entries
        return digest, Digest.of(encode_index(entries))

    async def get(self, digest: Digest) -> bytes:
        data = self.stored.get(digest) or self.disk.get(digest)
        if data is None:
            raise WaitingError(f"object {digest} is not there", reason="NotFound")
        if not digest.matches(data):
            raise TransientError(f"object {digest} is damaged", reason="ArtifactTorn")
        self.disk[digest] = data
        return data

    async def index(self, digest: Digest, index_digest: str) -> Index | None:
        found = self.indexes.get(digest)
        if found is None or index_digest != str(Digest.of(encode_index(found))):
            return None
        return Index.of(found)

    async def republish(self, *, namespace: str, name: str, uid: str) -> None:
        now, key = self.clock.monotonic(), (namespace, name)
        if now - self._asked_at.get(key, -10.0) >= 10.0:
            self._asked_at[key] = now
            self.asked.append(key)

    def keep(self, digests: frozenset[Digest]) -> None:
        self.kept = digests


class FakeRenderer:
    """
    Reads all manifests below a path, and fills in variables.
    """

    def __init__(self) -> None:
        self._held: dict[str, Mapping[str, File]] = {}
        self.renders = 0

    async def render(
        self, request: RenderRequest, fetch: Callable[[], Awaitable[bytes]]
    ) -> Rendered:
        if request.digest not in self._held:
            self._held[request.digest] = unpack(await fetch()).files
        self.renders += 1
        files = self._held[request.digest]
        root = f"{request.path}/" if request.path else ""
        below = sorted(path for path in files if path.startswith(root))
        if not below:
            raise RenderFailed("build", f"{request.path}: no such directory in the artifact")
        manifests = [path for path in below if path.endswith((".yaml", ".yml"))]
        objects = [one for path in manifests for one in _parsed(path, files[path], request)]
        return Rendered(
            objects=tuple(objects),
            looked=Looked(
                files=frozenset(manifests),
                directories=frozenset({request.path, *(_folder(path) for path in below)}),
                absent=frozenset({f"{root}kustomization.yaml"}),
            ),
        )

    async def close(self) -> None:
        self._held.clear()


class FakeReceipts:
    def __init__(self) -> None:
        self.saved: dict[tuple[str, str], bytes] = {}
        self.down = False
        self.fenced = False

    async def load(self, namespace: str, name: str) -> bytes | None:
        return None if self.down else self.saved.get((namespace, name))

    async def save(self, namespace: str, name: str, data: bytes | None) -> bool:
        if self.down or self.fenced:
            return False
        if data is None:
            self.saved.pop((namespace, name), None)
        else:
            self.saved[namespace, name] = data
        return True


class FakeReporter:
    def __init__(self) -> None:
        self.told: list[tuple[Event, str]] = []
        self.noted: list[Event] = []

    async def tell(self, event: Event, *, occurrence: str) -> None:
        self.told.append((event, occurrence))

    def note(self, event: Event) -> None:
        self.noted.append(event)

    def reasons(self) -> list[str]:
        """
        Return the reasons of what was told, each occurrence once.
        """
        return [reason for reason, _ in dict.fromkeys((e.reason, o) for e, o in self.told)]


def kustomization_key(namespace: str, name: str) -> ObjectKey:
    return ObjectKey(group=KUSTOMIZE, kind="Kustomization", namespace=namespace, name=name)


def _part(obj: Json, *, whole: bool) -> Json:
    if whole:
        return obj
    return {name: obj[name] for name in ("apiVersion", "kind", "metadata")}


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return ""


def _parsed(path: str, file: File, request: RenderRequest) -> list[Json]:
    text = file.data.decode()
    if request.substitute:
        for name, value in request.variables.items():
            text = text.replace(f"${{{name}}}", value)
    try:
        return [one for one in yaml.safe_load_all(text) if one]
    except yaml.YAMLError as exc:
        raise RenderFailed("parse", f"{path}: {exc}") from exc


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
