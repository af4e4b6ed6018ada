"""
What a first pass is about to do: until the status tells of a pass, it stands in an annotation.

It is the status that such a pass would write ahead, in the same write as the finalizer. It counts
for the object about which it was written only, and as long as no status has told what was applied.
"""

import json
from collections.abc import Mapping
from typing import Any

from services.reconciler.core.inventory import Inventory, InventoryCorruptError

AHEAD = "setpoint.dev/first-pass"
# Any of these in a status means that it has told what was applied.
_TOLD = ("inventory", "lastRenderedDigest", "lastAppliedRevision")

Json = dict[str, Any]


def begun(declared: Mapping[str, Any]) -> bool:
    """
    Say whether the status of a Kustomization tells what was applied.
    """
    status = declared.get("status") or {}
    return any(name in status for name in _TOLD)


def to_annotation(status: Mapping[str, Any], uid: str) -> str:
    """
    Return the value of the annotation about the Kustomization with this uid.
    """
    return json.dumps({"uid": uid, **status}, separators=(",", ":"))


def status_of(declared: Mapping[str, Any]) -> Json:
    """
    Return the status of a Kustomization, on top of what its first pass is about to do.

    An annotation that cannot be read is left out here; ``ahead`` says so.
    """
    status: Json = declared.get("status") or {}
    try:
        return {**ahead(declared), **status}
    except InventoryCorruptError:
        return status


def ahead(declared: Mapping[str, Any]) -> Json:
    """
    Return what the annotation says; nothing where it does not count.

    Raises:
        InventoryCorruptError: It cannot be read.

    """
    meta = declared["metadata"]
    text = str((meta.get("annotations") or {}).get(AHEAD) or "")
    if not text or begun(declared):
        return {}
    try:
        found = json.loads(text)
        if found["uid"] != meta["uid"]:
            return {}  # restored from a backup, or copied
        attempted = found.get("lastAttempted") or {}
        sequence = int(attempted.get("sequence") or 0)
        return {
            "inventory": Inventory.parse(found["inventory"]).to_json(),
            "lastAttempted": {"sourceUID": str(attempted.get("sourceUID")), "sequence": sequence},
            "lastAttemptedRevision": str(found["lastAttemptedRevision"]),
            "lastRenderedDigest": str(found["lastRenderedDigest"]),
        }
    except (
        AttributeError,
        KeyError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
        InventoryCorruptError,
    ) as error:
        raise InventoryCorruptError(
            f"annotation {AHEAD} cannot be read; remove it (objects that were applied and are not"
            " declared any more stay)"
        ) from error
