"""The record of who owns which fields, which anybody who may edit an object may write."""

import orjson

from services.reconciler.core.fields import (
    entries,
    holds,
    inner,
    list_keys,
    owned,
    subtract,
)
from services.reconciler.core.observation import observe
from services.reconciler.core.owner import Owner
from services.reconciler.core.ownership import fold


def one(data):
    try:
        metadata = orjson.loads(data)
    except ValueError:
        return
    if not isinstance(metadata, dict) or not _as_the_server_has_it(metadata):
        return
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    observe(obj, Owner(name="app", namespace="ns"))
    fold(obj)
    for entry in entries(obj):
        found = owned(entry.fields)
        list_keys(entry.fields)
        assert owned(subtract(entry.fields, {})) == found
        assert owned(subtract(entry.fields, entry.fields)) <= {()}
        granular = frozenset(inner(entry.fields))
        assert all(holds(found, granular, path) for path in found)


def _as_the_server_has_it(metadata):
    """Say whether the API server would store this: maps of maps, and strings."""
    found = metadata.get("managedFields", [])
    texts = (metadata.get("labels", {}), metadata.get("annotations", {}))
    return (
        isinstance(found, list)
        and all(isinstance(one, dict) and _are_sets(one.get("fieldsV1", {})) for one in found)
        and all(isinstance(t, dict) and all(isinstance(v, str) for v in t.values()) for t in texts)
        and isinstance(metadata.get("generation", 1), int)
    )


def _are_sets(fields):
    return isinstance(fields, dict) and all(map(_are_sets, fields.values()))
