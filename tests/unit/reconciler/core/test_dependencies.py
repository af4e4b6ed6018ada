import pytest

from services.reconciler.core.dependencies import (
    Source,
    SourceState,
    check,
    dependency_key,
    newer,
)

SOURCE = Source(kind="GitRepository", namespace="flux-system", name="repo", revision="r2")
KEY = dependency_key("infra", "", "flux-system")


NOT_FOUND = (
    "dependency 'flux-system/infra' not found:"
    ' kustomizations.kustomize.toolkit.fluxcd.io "infra" not found'
)


def kustomization(ready="True", observed=2, applied="r2", source="repo", **reference):
    ref = {"kind": "GitRepository", "name": source} | reference
    return {
        "metadata": {"name": "infra", "namespace": "flux-system", "generation": 2},
        "spec": {"sourceRef": ref},
        "status": {
            "observedGeneration": observed,
            "lastAppliedRevision": applied,
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def message(found):
    unmet = check([KEY], {KEY: found}.get, SOURCE)
    return unmet and unmet.message


def test_a_dependency_without_a_namespace_is_in_our_own():
    assert str(KEY) == "Kustomization/flux-system/infra"
    assert dependency_key("a", "other", "n").namespace == "other"


def test_a_ready_dependency_at_our_revision_is_met():
    assert message(kustomization()) is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            None,
            NOT_FOUND,
        ),
        (kustomization(ready="False"), "dependency 'flux-system/infra' is not ready"),
        (kustomization(observed=1), "dependency 'flux-system/infra' is not ready"),
        ({"metadata": {"generation": 1}}, "dependency 'flux-system/infra' is not ready"),
        (
            kustomization(applied="r1"),
            "dependency 'flux-system/infra' revision is not up to date",
        ),
    ],
)
def test_an_unmet_dependency_says_what_is_missing(found, expected):
    assert message(found) == expected


def test_the_revision_counts_only_for_the_same_source():
    assert message(kustomization(applied="r1", source="other")) is None
    assert message(kustomization(applied="r1", namespace="other")) is None
    assert message(kustomization(applied="r1", namespace="flux-system")) is not None


def test_the_first_unmet_dependency_is_named():
    other = dependency_key("apps", "", "flux-system")
    unmet = check([other, KEY], {KEY: None}.get, SOURCE)
    assert unmet.key == other
    assert check([], {}.get, SOURCE) is None


def state(uid="u", sequence=5, digest="d"):
    return SourceState(uid=uid, sequence=sequence, digest=digest)


@pytest.mark.parametrize(
    ("incoming", "from_status", "expected"),
    [
        (state(sequence=6), False, True),
        (state(sequence=4), False, False),
        (state(sequence=4, digest="x"), True, False),
        (state(), False, False),
        (state(), True, False),
        (state(digest="x"), False, False),
        (state(digest="x"), True, True),
        (state(uid="new", sequence=1), False, True),
        (state(sequence=0), False, False),
        (state(sequence=0, digest="x"), True, True),
    ],
)
def test_older_never_wins(incoming, from_status, expected):
    assert newer(state(), incoming, from_status=from_status) is expected


def test_anything_is_newer_than_nothing():
    assert newer(None, state())
