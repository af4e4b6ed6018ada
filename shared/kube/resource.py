"""
What the API server serves, and the paths and selections in its URLs; pure.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from shared.kube.errors import Invalid
from shared.kube.translate import Target

_NO_NAMES = frozenset({"", ".", ".."})  # the API server's own rule for path segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """
    One kind in one version, as served.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    has_status: bool = False

    @property
    def api_version(self) -> str:
        """
        Return ``group/version``, or the version alone for the core group.
        """
        return f"{self.group}/{self.version}" if self.group else self.version

    def collection(self, namespace: str = "") -> str:
        """
        Return the path of all objects, or of those of a namespace.
        """
        root = f"/apis/{self.group}" if self.group else "/api"
        if self.namespaced and namespace:
            return f"{root}/{self.version}/namespaces/{_segment(namespace)}/{self.plural}"
        return f"{root}/{self.version}/{self.plural}"

    def path(self, namespace: str, name: str, subresource: str = "") -> str:
        """
        Return the path of one object.

        Raises:
            Invalid: The name cannot be one, or the namespace is missing.

        """
        if self.namespaced and not namespace:
            raise Invalid(
                f"{self.kind}/{name}: namespace not specified; set metadata.namespace"
                " or targetNamespace"
            )
        path = f"{self.collection(namespace)}/{_segment(name)}"
        return f"{path}/{subresource}" if subresource else path

    def target(self, verb: str, namespace: str = "", name: str = "") -> Target:
        """
        Describe a request for messages.
        """
        return Target(
            verb=verb,
            kind=self.kind,
            namespace=namespace if self.namespaced else "",
            name=name,
            secret=self.kind == "Secret" and not self.group,
        )

    def complete(self, obj: dict[str, Any]) -> dict[str, Any]:
        """
        Write apiVersion and kind into an object of a list, which leaves them out.
        """
        obj["apiVersion"] = self.api_version
        obj["kind"] = self.kind
        return obj


def query(**parameters: str) -> str:
    """
    Write the part of a URL after ``?``; what is empty is left out.
    """
    return urlencode({key: value for key, value in parameters.items() if value}, quote_via=quote)


def _segment(name: str) -> str:
    if name in _NO_NAMES or "/" in name or "%" in name:
        raise Invalid(f"{name[:80]!r} cannot be the name of an object; correct metadata.name")
    return quote(name, safe="")
