"""
One Kustomization as it was last seen or written.
"""

from collections.abc import Callable
from typing import Any

from services.reconciler.core.drift import not_newer
from services.reconciler.core.first_pass import ahead, begun, status_of
from services.reconciler.core.inventory import Inventory
from services.reconciler.core.owner import Owner
from shared.api import Kustomization
from shared.model import Conditions, Digest

Json = dict[str, Any]
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
FINALIZER = "finalizers.fluxcd.io"


class Declaration:
    """
    The newest version of the object, and what it says.
    """

    def __init__(self, declared: Json) -> None:
        meta = declared["metadata"]
        self.namespace: str = meta["namespace"]
        self.name: str = meta["name"]
        self.declared = declared
        self._status = status_of(declared)
        self.base = declared  # what the pass judged: a newer one may come while it works
        self._read: tuple[Json, Kustomization] | None = None
        self.owner = Owner(name=self.name, namespace=self.namespace)
        self.depends_on = self._named()
        self.on_depends: Callable[[], None] = lambda: None  # it depends on others than before

    @property
    def key(self) -> tuple[str, str]:
        """
        Return namespace and name.
        """
        return (self.namespace, self.name)

    @property
    def spec(self) -> Json:
        """
        Return the declared spec.
        """
        spec: Json = self.declared.get("spec") or {}
        return spec

    @property
    def status(self) -> Json:
        """
        Return the status as it was last seen or written, or what the first pass is about to do.
        """
        return self._status

    def read(self) -> Kustomization:
        """
        Return the declaration as it is now, checked; every pass asks several times.

        Raises:
            StalledError: It is not as the API has it.

        """
        if self._read is None or self._read[0] is not self.declared:
            self._read = self.declared, Kustomization.read(self.declared)
        return self._read[1]

    @property
    def generation(self) -> int:
        """
        Return the generation of the declaration.
        """
        return int(self.declared["metadata"].get("generation") or 0)

    @property
    def requested_at(self) -> str:
        """
        Return the request of a person to look now, empty if there was none.
        """
        annotations = self.declared["metadata"].get("annotations") or {}
        return str(annotations.get(REQUESTED_AT) or "")

    @property
    def held(self) -> bool:
        """
        Say whether our finalizer holds it.
        """
        return FINALIZER in self.declared["metadata"].get("finalizers", ())

    @property
    def begun(self) -> bool:
        """
        Say whether the status tells what was applied; before, the annotation does.
        """
        return begun(self.declared)

    @property
    def recorded(self) -> Inventory:
        """
        Return what is recorded as ours.

        Raises:
            InventoryCorruptError: It cannot be read.

        """
        ahead(self.declared)  # what cannot be read must not pass for nothing
        return Inventory.parse(self.status.get("inventory"))

    @property
    def uid(self) -> str:
        """
        Return the uid of the declaration.
        """
        return str(self.declared["metadata"]["uid"])

    @property
    def rendered(self) -> Digest | None:
        """
        Return the digest of the artifact that was rendered last, None if none was.
        """
        try:
            return Digest.parse(str(self.status.get("lastRenderedDigest") or ""))
        except ValueError:
            return None  # somebody else wrote it

    @property
    def deleting(self) -> bool:
        """
        Say whether the declaration is being deleted.
        """
        return bool(self.declared["metadata"].get("deletionTimestamp"))

    @property
    def suspended(self) -> bool:
        """
        Say whether a person stopped the passes.
        """
        return bool(self.spec.get("suspend"))

    @property
    def waits(self) -> bool:
        """
        Say whether the last pass ended because of a dependency.
        """
        ready = Conditions.from_json(self.status.get("conditions")).get("Ready")
        return ready is not None and ready.reason == "DependencyNotReady"

    def redeclare(self, declared: Json) -> bool:
        """
        Take a newer version of the declaration; say whether it was newer.
        """
        if self.declared["metadata"]["uid"] == declared["metadata"]["uid"] and not_newer(
            str(declared["metadata"]["resourceVersion"]),
            str(self.declared["metadata"]["resourceVersion"]),
        ):
            return False
        self.declared = declared
        self._status = status_of(declared)
        named = self._named()
        if named != self.depends_on:
            self.depends_on = named
            self.on_depends()
        return True

    def _named(self) -> frozenset[tuple[str, str]]:
        """
        Return namespace and name of what is depended on; every other lane asks for it often.
        """
        return frozenset(
            (one.get("namespace") or self.namespace, str(one.get("name")))
            for one in self.spec.get("dependsOn") or ()
        )
