"""The Kustomizations and the values that they name, through the one door to the API."""

import base64
import binascii
from collections.abc import Callable, Mapping

from services.reconciler.ports import Json
from shared.errors import NOT_LEADER, WaitingError
from shared.kube import Kube, fenced

MANAGER = "setpoint-reconciler"
FINALIZER = "finalizers.fluxcd.io"
_GROUP = "kustomize.toolkit.fluxcd.io"
_KIND = "Kustomization"


class KubeDeclarations:
    """
    The port ``Declarations`` on a real API server.
    """

    def __init__(self, kube: Kube, *, may_write: Callable[[], bool]) -> None:
        self._kube = kube
        self._may_write = may_write

    async def read(self, namespace: str, name: str) -> Json | None:
        """
        Read a Kustomization, None if it is not there.
        """
        return await self._kube.get(await self._kube.resource(_GROUP, _KIND), namespace, name)

    async def write_status(self, obj: Json, status: Json) -> Json:
        """
        Make ``status`` the status, only if ``obj`` is still the newest version.
        """
        with fenced(self._fence):
            kind = await self._kube.resource(_GROUP, _KIND)
            return await self._kube.replace_status(kind, obj, status, manager=MANAGER)

    async def set_finalizer(
        self, obj: Json, *, present: bool, annotations: Mapping[str, str] | None = None
    ) -> Json:
        """
        Add or remove our finalizer and add annotations, only if ``obj`` is the newest version.
        """
        meta = obj["metadata"]
        others = [item for item in meta.get("finalizers", []) if item != FINALIZER]
        wanted = [*others, FINALIZER] if present else others
        patch: Json = {"finalizers": wanted, "resourceVersion": meta["resourceVersion"]}
        if annotations:
            patch["annotations"] = dict(annotations)
        with fenced(self._fence):
            return await self._kube.merge_patch(
                await self._kube.resource(_GROUP, _KIND),
                meta["namespace"],
                meta["name"],
                {"metadata": patch},
                manager=MANAGER,
            )

    async def values(self, kind: str, namespace: str, name: str) -> dict[str, str] | None:
        """
        Read a ConfigMap's or Secret's values as text, None if it is not there.
        """
        obj = await self._kube.get(await self._kube.resource("", kind), namespace, name)
        if obj is None:
            return None
        data: dict[str, str] = obj.get("data") or {}
        if kind != "Secret":
            return dict(data)
        return {key: _decoded(value) for key, value in data.items()}

    def _fence(self) -> None:
        if not self._may_write():
            raise WaitingError(
                "this reconciler does not hold its Lease: it writes nothing until it does",
                reason=NOT_LEADER,
            )


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""  # binary data cannot be substituted into text
