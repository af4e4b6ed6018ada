"""
The world as the reconciler needs it: a few roles, each behind its adapter and its fake.

Objects are plain JSON values as the API gives them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from services.reconciler.core.rendering import Index, Rendered, RenderRequest
from shared.messages.event import Event
from shared.model import Digest, ObjectKey

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """
    A kind that the API server serves.
    """

    group: str
    version: str
    kind: str
    namespaced: bool


class Cluster(Protocol):
    """
    The managed objects. Every write is fenced by the Lease.
    """

    async def kind(self, group: str, kind: str, version: str = "") -> Kind | None:
        """
        Say how a kind is served, or that it is not.
        """

    async def get(self, key: ObjectKey) -> Json | None:
        """
        Read an object, None if it is not there.
        """

    async def apply(self, obj: Json, *, dry_run: bool = False) -> Json:
        """
        Apply an object server-side as field manager ``setpoint``, forcing conflicts.
        """

    async def rewrite_managers(self, key: ObjectKey, ops: list[Json]) -> Json:
        """
        Fold other managers' entries into ours, by one JSON patch with a resourceVersion test.
        """

    async def delete(self, key: ObjectKey, *, uid: str, resource_version: str) -> bool:
        """
        Delete exactly the object that was seen; False if it was gone.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """
    All objects of a followed kind: a watch has begun, or has begun again.
    """

    objects: tuple[Json, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """
    One object as it is now; ``gone`` if the watch says that it is not there any more.
    """

    object: Json
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Alive:
    """
    The watch is alive: a bookmark.
    """


@dataclass(frozen=True, slots=True)
class Silent:
    """
    The watch fails or says nothing: what it said last may be old.
    """


Notice = Snapshot | Seen | Alive | Silent


class Watches(Protocol):
    """
    What happens in the cluster, for ever, beginning with a snapshot.
    """

    def managed(self, kind: Kind, *, whole: bool) -> AsyncIterator[Notice]:
        """
        Follow all objects of a kind that carry an owner label; metadata only unless ``whole``.
        """

    def single(self, kind: Kind, key: ObjectKey) -> AsyncIterator[Notice]:
        """
        Follow one object that somebody else owns.
        """

    def definitions(self) -> AsyncIterator[Notice]:
        """
        Follow the CustomResourceDefinitions of everybody, metadata only.
        """

    def declared(self, kind: str) -> AsyncIterator[Notice]:
        """
        Follow our own kinds: ``Kustomization`` or ``GitRepository``.
        """


class Declarations(Protocol):
    """
    The Kustomizations themselves: their status, finalizer and the values they name.
    """

    async def read(self, namespace: str, name: str) -> Json | None:
        """
        Read a Kustomization, None if it is not there.
        """

    async def write_status(self, obj: Json, status: Json) -> Json:
        """
        Make ``status`` the status, only if ``obj`` is still the newest version.
        """

    async def set_finalizer(
        self, obj: Json, *, present: bool, annotations: Mapping[str, str] | None = None
    ) -> Json:
        """
        Add or remove our finalizer and add annotations, only if ``obj`` is the newest version.
        """

    async def values(self, kind: str, namespace: str, name: str) -> dict[str, str] | None:
        """
        Read a ConfigMap's or Secret's values as text, None if it is not there.
        """


class Artifacts(Protocol):
    """
    Immutable trees by digest, with the last good ones kept on disk.
    """

    async def get(self, digest: Digest) -> bytes:
        """
        Return the packed artifact, verified.
        """

    async def index(self, digest: Digest, index_digest: str) -> Index | None:
        """
        Return what an artifact contains, None if it cannot be had or verified.
        """

    async def republish(self, *, namespace: str, name: str, uid: str) -> None:
        """
        Ask source to publish an artifact again; at most once per source per 10 s.
        """

    def keep(self, digests: frozenset[Digest]) -> None:
        """
        Say which artifacts are in use; the disk may forget the others.
        """


class Renderer(Protocol):
    """
    The worker that knows what kustomize means.
    """

    async def render(
        self, request: RenderRequest, fetch: Callable[[], Awaitable[bytes]]
    ) -> Rendered:
        """
        Render one overlay; ``fetch`` gives the artifact if the worker does not hold it.
        """

    async def close(self) -> None:
        """
        Stop the workers.
        """


class Receipts(Protocol):
    """
    The receipts of a Kustomization as bytes: a cache that may be lost.
    """

    async def load(self, namespace: str, name: str) -> bytes | None:
        """
        Return what was saved, None if nothing is there or the bus is away.
        """

    async def save(self, namespace: str, name: str, data: bytes | None) -> bool:
        """
        Save, or drop if ``data`` is None; say whether that was confirmed, and never fail a pass.
        """


class Reporter(Protocol):
    """
    Where events go: durably to the bus, and for people to the cluster.
    """

    async def tell(self, event: Event, *, occurrence: str) -> None:
        """
        Accept an event durably, before the write that erases its cause; also a Kubernetes Event.

        Raises:
            WaitingError: Another process has the Lease.

        """

    def note(self, event: Event) -> None:
        """
        Write a Kubernetes Event only, when there is time.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """
    What the steps of a pass need of the world.
    """

    cluster: Cluster
    declarations: Declarations
    artifacts: Artifacts
    renderer: Renderer
    receipts: Receipts
    reporter: Reporter
