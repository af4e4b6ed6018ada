"""
The status of a Kustomization.
"""

from collections.abc import Mapping

from pydantic import Field

from shared.api.base import ApiModel
from shared.api.meta import ApiStatus, Int64, Timestamp

DRIFT_LIMIT = 20  # objects in status.drift; the event stream has them all


class InventoryEntry(ApiModel):
    """
    One object that may exist because of us.
    """

    id: str = Field(description="Namespace, name, group and kind, joined by underscores.")
    v: str = Field(description="API version that the object was applied with.")


class Inventory(ApiModel):
    """
    All objects that may exist because of us, in the order of apply.
    """

    entries: tuple[InventoryEntry, ...] = Field(description="The objects.")


class HistoryEntry(ApiModel):
    """
    How passes with one result and one digest went.
    """

    digest: str = Field(description="Digest of what was rendered.")
    first_reconciled: Timestamp = Field(description="When it went so for the first time.")
    last_reconciled: Timestamp = Field(description="When it went so for the last time.")
    last_reconciled_duration: str = Field(description="How long the last such pass took.")
    last_reconciled_status: str = Field(description="The result, as a reason of Ready.")
    total_reconciliations: Int64 = Field(description="How often it went so.")
    metadata: Mapping[str, str] = Field(
        default_factory=dict, description="The revision, and that of its origin."
    )


class AttemptedSource(ApiModel):
    """
    The newest state of the source that a pass has begun with.
    """

    source_uid: str = Field(alias="sourceUID", description="UID of the source object.")
    sequence: Int64 = Field(description="Number of the revision within that source.")


class DriftedField(ApiModel):
    """
    One field that differs; values are cut short, and secrets are masked.
    """

    path: str = Field(description="Path of the field.")
    from_: str = Field(default="", alias="from", description="The value in the source.")
    to: str = Field(default="", description="The value that was found.")


class DriftedObject(ApiModel):
    """
    One object that differs from the source.
    """

    id: str = Field(description="Namespace, name, group and kind, joined by underscores.")
    since: Timestamp = Field(description="When the drift was seen.")
    action: str = Field(description="What is done: revert, report, paused or backoff.")
    by: str = Field(default="", description="Who changed it, where that can be known.")
    fields: tuple[DriftedField, ...] = Field(default=(), description="The fields that differ.")


class KustomizationStatus(ApiStatus):
    """
    What was applied last, what exists because of it, and how it went.
    """

    last_applied_revision: str = Field(
        default="", description="The revision that was applied and became healthy last."
    )
    last_applied_origin_revision: str = Field(
        default="", description="Revision of the origin behind the last applied one."
    )
    last_attempted_revision: str = Field(
        default="", description="The revision that was tried last."
    )
    last_attempted: AttemptedSource | None = Field(
        default=None, description="State of the source that the last pass began with."
    )
    last_rendered_digest: str = Field(
        default="",
        description="Digest of the artifact that was rendered last: what is healed while a newer "
        "one cannot be rendered.",
    )
    last_handled_reconcile_at: str = Field(
        default="", description="The last request to look now that was answered."
    )
    inventory: Inventory | None = Field(
        default=None, description="The objects that may exist because of this Kustomization."
    )
    history: tuple[HistoryEntry, ...] = Field(
        default=(), description="The last results, newest first."
    )
    drift: tuple[DriftedObject, ...] = Field(
        default=(),
        max_length=DRIFT_LIMIT,
        description="Objects that differ from the source now, at most 20.",
    )
