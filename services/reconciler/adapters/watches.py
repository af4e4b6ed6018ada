"""Watches of the API server as notices; each begins with a snapshot and goes on for ever."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from services.reconciler.core.owner import OWNER_NAME
from services.reconciler.ports import Alive, Kind, Notice, Seen, Silent, Snapshot
from shared.kube import Kube
from shared.kube.watch import Bookmark, Changed, Gone, Listed, Stale
from shared.model import ObjectKey

_OWN_GROUPS = {
    "Kustomization": "kustomize.toolkit.fluxcd.io",
    "GitRepository": "source.toolkit.fluxcd.io",
}


class KubeWatches:
    """
    The port ``Watches`` on a real API server.
    """

    def __init__(self, kube: Kube, *, declared_labels: str = "") -> None:
        self._kube = kube
        self._declared_labels = declared_labels

    def managed(self, kind: Kind, *, whole: bool) -> AsyncIterator[Notice]:
        """
        Follow all objects of a kind that carry an owner label; metadata only unless ``whole``.
        """
        return self._follow(kind.group, kind.kind, labels=OWNER_NAME, metadata_only=not whole)

    def single(self, kind: Kind, key: ObjectKey) -> AsyncIterator[Notice]:
        """
        Follow one object that somebody else owns.
        """
        return self._follow(
            kind.group, kind.kind, namespace=key.namespace, fields=f"metadata.name={key.name}"
        )

    def definitions(self) -> AsyncIterator[Notice]:
        """
        Follow the CustomResourceDefinitions of everybody, metadata only.
        """
        return self._follow("apiextensions.k8s.io", "CustomResourceDefinition", metadata_only=True)

    def declared(self, kind: str) -> AsyncIterator[Notice]:
        """
        Follow our own kinds: ``Kustomization`` or ``GitRepository``.
        """
        labels = self._declared_labels if kind == "Kustomization" else ""
        return self._follow(_OWN_GROUPS[kind], kind, labels=labels)

    async def _follow(
        self,
        group: str,
        kind: str,
        *,
        namespace: str = "",
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
    ) -> AsyncIterator[Notice]:
        resource = await self._kube.resource(group, kind)
        watch = self._kube.watch(
            resource,
            namespace=namespace,
            labels=labels,
            fields=fields,
            metadata_only=metadata_only,
        )
        async with aclosing(watch) as events:
            async for event in events:
                match event:
                    case Listed(items=items):
                        yield Snapshot(objects=tuple(items))
                    case Changed(object=obj):
                        yield Seen(object=obj)
                    case Gone(object=obj):
                        yield Seen(object=obj, gone=True)
                    case Bookmark():
                        yield Alive()
                    case Stale():
                        yield Silent()
