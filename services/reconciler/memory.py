"""
What a lane remembers of its objects: lost at a restart, and built again from the cluster.
"""

from dataclasses import dataclass, field
from typing import Any

from services.reconciler.core.fights import Fight
from services.reconciler.core.health import Health
from services.reconciler.core.ignore_rules import Pointer
from services.reconciler.core.manifest import Desired, Refusal
from services.reconciler.core.options import ObjectOptions
from services.reconciler.core.receipt import Receipt, Saved
from services.reconciler.core.rendering import Index, Looked, RenderRequest
from services.reconciler.core.standing import Standing
from shared.model import ObjectKey

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    A drift that is left standing, and the state of the object that was told about.
    """

    standing: Standing
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRender:
    """
    What the last good render was made of, so that it can be used again.

    ``refused`` are objects of it that are never sent: they are as declared as the others.
    """

    request: RenderRequest
    looked: Looked
    index: Index | None
    generation: int
    digest: str
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFields:
    """
    An object of which ``spec.ignore`` leaves some fields to somebody else.

    ``declared`` has all fields, for the case that the object is new.
    """

    declared: Desired
    pointers: tuple[Pointer, ...]


@dataclass(slots=True)
class Memory:
    """
    What a lane knows of its objects; lost at a restart and built again.
    """

    desired: dict[ObjectKey, Desired] = field(default_factory=dict)
    shared: dict[ObjectKey, SharedFields] = field(default_factory=dict)
    receipts: dict[ObjectKey, Receipt] = field(default_factory=dict)
    saved: Saved | None = None  # what the bus has for sure
    health: dict[ObjectKey, Health] = field(default_factory=dict)
    versions: dict[ObjectKey, str] = field(default_factory=dict)
    options: dict[ObjectKey, ObjectOptions] = field(default_factory=dict)
    verified: dict[ObjectKey, float] = field(default_factory=dict)
    # Of objects that others have changed since our last change: the time of that.
    touched: dict[ObjectKey, str] = field(default_factory=dict)
    fights: dict[ObjectKey, Fight] = field(default_factory=dict)
    standing: dict[ObjectKey, Held] = field(default_factory=dict)
    refused: dict[ObjectKey, str] = field(default_factory=dict)
    foreign: set[ObjectKey] = field(default_factory=set)  # of others: neither applied nor healed
    # How often in a row a webhook did not answer for the object; 0 if it was not sent for that.
    unanswered: dict[ObjectKey, int] = field(default_factory=dict)
    render: LastRender | None = None  # None since the start: what is desired may not be all
    spec: Json | None = None  # of what was rendered last

    def applied(self, key: ObjectKey) -> bool:
        """
        Say whether what is desired of an object now is what was applied last.
        """
        receipt, wanted = self.receipts.get(key), self.desired.get(key)
        return (
            receipt is not None and wanted is not None and receipt.desired_digest == wanted.digest
        )

    def forget(self, key: ObjectKey) -> None:
        """
        Drop everything about an object that is not ours any more.
        """
        for part in (self.receipts, self.health, self.versions, self.verified, self.options):
            part.pop(key, None)
        for other in (self.fights, self.standing, self.refused, self.unanswered, self.touched):
            other.pop(key, None)
