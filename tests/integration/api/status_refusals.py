"""
What the API refuses in a status, in the form of the other refusals.
"""

from tests.integration.api.refusals import (
    LONG,
    PATTERN,
    REQUIRED,
    SHORT,
    UNSUPPORTED,
    Refusal,
    wrong,
)

CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Succeeded",
    "message": "stored artifact",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
ARTIFACT = {
    "path": "gitrepository/ns/app/x.tar.gz",
    "url": "http://source/x.tar.gz",
    "revision": "main@sha1:" + "a" * 40,
    "digest": "sha256:" + "b" * 64,
    "lastUpdateTime": "2026-01-01T00:00:00Z",
}
_HISTORY = {
    "digest": "sha256:" + "b" * 64,
    "firstReconciled": "2026-01-01T00:00:00Z",
    "lastReconciled": "2026-01-01T00:00:00Z",
    "lastReconciledDuration": "1s",
    "lastReconciledStatus": "ReconciliationSucceeded",
    "totalReconciliations": 1,
}
_DRIFT = {"id": "ns_a__ConfigMap", "since": "2026-01-01T00:00:00Z", "action": "revert"}
_K = "Kustomization"


def _without(part, key):
    return {name: value for name, value in part.items() if name != key}


def _status(kind, change, field, reason, *, server_only=False):
    return Refusal(kind, change, f"status.{field}", reason, "status", server_only)


def _condition(fault, /, *, server_only=False, **change):
    (field,) = change
    conditions = {"conditions": [{**CONDITION, **change}]}
    path = f"conditions[0].{field}"
    return _status("GitRepository", conditions, path, fault, server_only=server_only)


def _missing(kind, name, part, key):
    return _status(kind, {name: [_without(part, key)]}, f"{name}[0].{key}", REQUIRED)


STATUSES = [
    _condition(PATTERN, type="no spaces"),
    _condition(LONG, type="t" * 317),
    _condition(UNSUPPORTED, status="true"),
    _condition(SHORT, reason=""),
    _condition(PATTERN, reason="no spaces"),
    _condition(LONG, reason="r" * 1025),
    _condition(LONG, message="m" * 32769),
    _condition("should be greater than or equal to 0", observedGeneration=-1),
    _condition(wrong("integer"), observedGeneration="1"),
    _condition("date-time", lastTransitionTime="yesterday", server_only=True),
    *(
        _missing(kind, "conditions", CONDITION, key)
        for kind in ("Alert", "Provider", "Receiver")
        for key in CONDITION
    ),
    _status(
        "GitRepository",
        {"artifact": {**ARTIFACT, "digest": "sha256"}},
        "artifact.digest",
        PATTERN,
    ),
    _status(
        "GitRepository",
        {"artifact": {**ARTIFACT, "size": "1"}},
        "artifact.size",
        wrong("integer"),
    ),
    *(
        _status("GitRepository", {"artifact": _without(ARTIFACT, key)}, f"artifact.{key}", REQUIRED)
        for key in ARTIFACT
    ),
    *(_missing("GitRepository", "includedArtifacts", ARTIFACT, key) for key in ARTIFACT),
    _status(_K, {"observedGeneration": "1"}, "observedGeneration", wrong("integer")),
    _status(_K, {"inventory": {}}, "inventory.entries", REQUIRED),
    _status(_K, {"inventory": {"entries": [{"v": "v1"}]}}, "inventory.entries[0].id", REQUIRED),
    _status(_K, {"inventory": {"entries": [{"id": "x"}]}}, "inventory.entries[0].v", REQUIRED),
    *(_missing(_K, "history", _HISTORY, key) for key in _HISTORY),
    *(_missing(_K, "drift", _DRIFT, key) for key in _DRIFT),
    _status(_K, {"drift": [_DRIFT] * 21}, "drift", "must have at most 20 items"),
    _status(
        _K, {"drift": [{**_DRIFT, "fields": [{"to": "1"}]}]}, "drift[0].fields[0].path", REQUIRED
    ),
    _status(_K, {"lastAttempted": {"sequence": 1}}, "lastAttempted.sourceUID", REQUIRED),
    _status(_K, {"lastAttempted": {"sourceUID": "x"}}, "lastAttempted.sequence", REQUIRED),
]
