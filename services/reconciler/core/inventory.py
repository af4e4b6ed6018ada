"""
The recorded set of objects that may exist because of us.

Written before the apply as the union of old and new, trimmed after a confirmed deletion: a crash at
any point leaves a superset, never a leak.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Self

from services.reconciler.core.manifest import Desired, version_of
from shared.errors import StalledError
from shared.model import ObjectKey


class InventoryCorruptError(StalledError):
    """The recorded inventory cannot be read, so nothing may be applied or pruned by it."""

    default_reason = "ReconciliationFailed"


@dataclass(frozen=True, slots=True)
class Inventory:
    """
    Keys with the version under which each was applied, in the order of applies.
    """

    entries: Mapping[ObjectKey, str]

    @classmethod
    def empty(cls) -> Self:
        """
        Return the inventory of what was never applied.
        """
        return cls({})

    @classmethod
    def parse(cls, recorded: Mapping[str, Any] | None) -> Self:
        """
        Read ``status.inventory``.

        Raises:
            InventoryCorruptError: One entry cannot be read; a part of it would leak the rest.

        """
        entries: dict[ObjectKey, str] = {}
        try:
            for raw in (recorded or {}).get("entries") or ():
                entries[ObjectKey.from_inventory_id(raw["id"])] = str(raw["v"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InventoryCorruptError(
                f"status.inventory cannot be read ({error}): every entry needs an id of the form"
                " <namespace>_<name>_<group>_<kind> and a version v. Mend the entry, or remove"
                " status.inventory to start anew (objects removed from Git before that stay)"
            ) from error
        return cls(entries)

    @classmethod
    def of(cls, desired: Iterable[Desired]) -> Self:
        """
        Return the inventory of what is to be applied.
        """
        return cls({one.key: version_of(one.api_version) for one in desired})

    @property
    def keys(self) -> AbstractSet[ObjectKey]:
        """
        Return the keys.
        """
        return self.entries.keys()

    def union(self, new: "Inventory") -> "Inventory":
        """
        Return new entries in their order, then the old ones that are not among them.
        """
        rest = {key: version for key, version in self.entries.items() if key not in new.entries}
        return Inventory({**new.entries, **rest})

    def trim(self, gone: Iterable[ObjectKey]) -> "Inventory":
        """
        Return the inventory without objects that are confirmed to be gone or not ours.
        """
        lost = frozenset(gone)
        return Inventory({k: v for k, v in self.entries.items() if k not in lost})

    def stale(self, new: "Inventory") -> tuple[ObjectKey, ...]:
        """
        Return what is recorded here and not in ``new``; a change of version only is not stale.
        """
        return tuple(key for key in self.entries if key not in new.entries)

    def covers(self, other: "Inventory") -> bool:
        """
        Say whether ``other`` needs no write ahead: each of its entries is recorded as it is.
        """
        return all(self.entries.get(key) == version for key, version in other.entries.items())

    def to_json(self) -> dict[str, Any]:
        """
        Return the form of ``status.inventory``.
        """
        return {"entries": [{"id": k.inventory_id, "v": v} for k, v in self.entries.items()]}

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self.entries

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[ObjectKey]:
        return iter(self.entries)

    def __repr__(self) -> str:
        return f"Inventory({len(self.entries)} objects)"
