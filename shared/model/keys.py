"""The identity of an object in a cluster."""

from dataclasses import dataclass

# These kinds allow ":" in their names, which the id writes as "__" (flux-api, section 2.8).
_COLON_KINDS = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ObjectKey:
    """
    Group, kind, namespace and name: what an object is, whatever its version.

    ``namespace`` is empty for objects of the cluster.
    """

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def inventory_id(self) -> str:
        """
        The id in ``status.inventory``: ``<namespace>_<name>_<group>_<kind>``.
        """
        name = self.name
        if self.group == _RBAC and self.kind in _COLON_KINDS:
            name = name.replace(":", "__")
        return f"{self.namespace}_{name}_{self.group}_{self.kind}"

    @property
    def recordable(self) -> bool:
        """
        Say whether the id in an inventory means this key and no other.
        """
        colons = self.group == _RBAC and self.kind in _COLON_KINDS
        return not (colons and ("__" in self.name or "_:" in self.name))

    @classmethod
    def from_inventory_id(cls, text: str) -> "ObjectKey":
        """
        Read an inventory id.

        Raises:
            ValueError: The text has fewer than four parts.

        """
        namespace, first, rest = text.partition("_")
        head, second, kind = rest.rpartition("_")
        name, third, group = head.rpartition("_")
        if not (first and second and third and name and kind):
            raise ValueError(
                f"inventory id {text!r} is not of the form <namespace>_<name>_<group>_<kind>"
            )
        if group == _RBAC and kind in _COLON_KINDS:
            name = name.replace("__", ":")
        return cls(group=group, kind=kind, namespace=namespace, name=name)

    def __str__(self) -> str:
        """
        Return ``Kind/namespace/name``, or ``Kind/name`` for objects of the cluster.
        """
        if self.namespace:
            return f"{self.kind}/{self.namespace}/{self.name}"
        return f"{self.kind}/{self.name}"
