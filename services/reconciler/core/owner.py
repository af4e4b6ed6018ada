"""
The Kustomization that objects belong to, as their labels name it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.reconciler.core.options import PREFIX

OWNER_NAME = f"{PREFIX}name"
OWNER_NAMESPACE = f"{PREFIX}namespace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """
    The Kustomization that the objects belong to.
    """

    name: str
    namespace: str

    @property
    def labels(self) -> dict[str, str]:
        """
        Return the labels by which owned objects are known.
        """
        return {OWNER_NAME: self.name, OWNER_NAMESPACE: self.namespace}

    def owns(self, labels: Mapping[str, Any] | None) -> bool:
        """
        Say whether these labels name this owner.
        """
        return all((labels or {}).get(name) == value for name, value in self.labels.items())

    def __str__(self) -> str:
        return f"Kustomization/{self.namespace}/{self.name}"
