"""What keeps a pass from beginning, and where it is looked for."""

import pytest

from services.reconciler.core import obstacles
from services.reconciler.core.refusals import barred_deletion
from services.reconciler.core.schedule import After
from services.reconciler.core.sources import Source
from shared.api import Kustomization
from tests.unit.reconciler.core.test_refusals import kustomization

KUSTOMIZATION = "Kustomization/{namespace}/infra"


@pytest.mark.parametrize(
    ("namespace", "where"), [({}, "flux-system"), ({"namespace": "sources"}, "sources")]
)
def test_a_source_is_looked_for_where_the_reference_says(namespace, where):
    declared = kustomization(sourceRef={"kind": "GitRepository", "name": "repo"} | namespace)
    found = obstacles.source(declared, None)
    assert found.message == (
        f"GitRepository {where}/repo not found: create it, or correct spec.sourceRef"
    )


@pytest.mark.parametrize(
    ("namespace", "where"), [({}, "flux-system"), ({"namespace": "shared"}, "shared")]
)
def test_a_dependency_is_looked_for_where_the_reference_says(namespace, where):
    declared = kustomization(dependsOn=[{"name": "infra"} | namespace])
    source = Source(kind="GitRepository", namespace="flux-system", name="repo", uid="u")
    asked = []
    found = obstacles.dependencies(declared, source, asked.append)
    assert [str(key) for key in asked] == [KUSTOMIZATION.format(namespace=where)]
    assert f"'{where}/infra' not found" in found.message


@pytest.mark.parametrize("version", ["v1", "v1beta2"])
def test_the_version_of_a_source_does_not_matter(version):
    version = f"source.toolkit.fluxcd.io/{version}"
    reference = {"kind": "GitRepository", "name": "repo", "apiVersion": version}
    declared = kustomization(sourceRef=reference)
    assert obstacles.declaration(declared, no_cross_namespace_refs=False) is None


def test_a_source_of_another_group_is_refused():
    reference = {"kind": "GitRepository", "name": "repo", "apiVersion": "example.com/v1"}
    declared = kustomization(sourceRef=reference)
    found = obstacles.declaration(declared, no_cross_namespace_refs=False)
    assert (found.reason, found.message) == (
        "NotSupported",
        (
            "spec.sourceRef.apiVersion example.com/v1 is not supported: use "
            "source.toolkit.fluxcd.io/v1"
        ),
    )


@pytest.mark.parametrize(
    "spec", [{"serviceAccountName": "tenant"}, {"kubeConfig": {"secretRef": {"name": "far"}}}]
)
def test_objects_that_were_made_elsewhere_or_by_others_are_not_ours_to_delete(spec):
    assert next(iter(spec)) in barred_deletion(kustomization(**spec))
    assert barred_deletion(kustomization(decryption={"provider": "sops"})) == ""


SOURCE = Source(
    kind="GitRepository",
    namespace="ns",
    name="repo",
    uid="s-1",
    sequence=7,
    revision="main@sha1:1",
    digest="sha256:" + "a" * 64,
)


def declared(**spec):
    return Kustomization.read(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": "ns"},
            "spec": {
                "interval": "10m",
                "prune": True,
                "sourceRef": {"kind": "GitRepository", "name": "repo"},
                **spec,
            },
        }
    )


def other(*, ready="True", revision="main@sha1:1", observed=1, source="repo"):
    return {
        "metadata": {"name": "base", "namespace": "ns", "generation": 1},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": source}},
        "status": {
            "observedGeneration": observed,
            "lastAppliedRevision": revision,
            "conditions": [
                {
                    "type": "Ready",
                    "status": ready,
                    "reason": "R",
                    "message": "m",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            ],
        },
    }


def attempted(sequence, uid="s-1"):
    return {"lastAttempted": {"sourceUID": uid, "sequence": sequence}}


def test_nothing_keeps_a_plain_declaration_from_its_pass():
    assert obstacles.declaration(declared(), no_cross_namespace_refs=True) is None
    assert obstacles.source(declared(), SOURCE) is None
    assert obstacles.dependencies(declared(), SOURCE, lambda _: None) is None


def test_a_field_that_is_not_supported_stalls_names_itself_and_is_told():
    found = obstacles.declaration(
        declared(serviceAccountName="robot"), no_cross_namespace_refs=False
    )
    assert (found.reason, found.after) == ("NotSupported", After.STALLED)
    assert "spec.serviceAccountName" in found.message
    assert (found.told, found.severity, found.observed) == (found.message, "error", True)


@pytest.mark.parametrize("namespace", [None, "ns"])
def test_a_source_in_the_own_namespace_is_never_across(namespace):
    reference = {"kind": "GitRepository", "name": "repo"}
    if namespace:
        reference["namespace"] = namespace
    found = obstacles.declaration(declared(sourceRef=reference), no_cross_namespace_refs=True)
    assert found is None


def test_a_source_in_another_namespace_is_refused_only_where_that_is_blocked():
    reference = {"kind": "GitRepository", "name": "repo", "namespace": "other"}
    across = declared(sourceRef=reference)
    assert obstacles.declaration(across, no_cross_namespace_refs=False) is None
    found = obstacles.declaration(across, no_cross_namespace_refs=True)
    assert (found.reason, found.after) == ("AccessDenied", After.STALLED)
    assert "GitRepository/other/repo" in found.message
    assert found.told == found.message
    assert not found.observed, "clients go on waiting, as with the reference"


def test_a_source_that_is_not_there_is_named_with_its_remedy_and_not_told():
    found = obstacles.source(declared(), None)
    assert (found.reason, found.after, found.told) == ("ArtifactFailed", After.FAILURE, "")
    assert "GitRepository ns/repo not found" in found.message
    assert "spec.sourceRef" in found.message
    reference = {"kind": "GitRepository", "name": "repo", "namespace": "other"}
    assert "other/repo" in obstacles.source(declared(sourceRef=reference), None).message


def test_a_source_without_an_artifact_is_waited_for_and_says_its_own_trouble():
    bare = Source(kind="GitRepository", namespace="ns", name="repo", uid="s-1")
    found = obstacles.source(declared(), bare)
    assert (found.reason, found.after, found.told) == ("ArtifactFailed", After.DEPENDENCY, "")
    assert found.message == "Source artifact not found, retrying in 30s"
    troubled = Source(
        kind="GitRepository", namespace="ns", name="repo", uid="s-1", trouble="no such branch"
    )
    assert obstacles.source(declared(), troubled).message.endswith("(no such branch)")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "dependency 'ns/base' not found"),
        (other(ready="False"), "dependency 'ns/base' is not ready"),
        (other(observed=0), "dependency 'ns/base' is not ready"),
        (other(revision="main@sha1:0"), "dependency 'ns/base' revision is not up to date"),
    ],
)
def test_a_dependency_that_is_not_there_yet_is_waited_for_and_told_as_info(found, words):
    unmet = obstacles.dependencies(declared(dependsOn=[{"name": "base"}]), SOURCE, lambda _: found)
    assert (unmet.reason, unmet.after) == ("DependencyNotReady", After.DEPENDENCY)
    assert unmet.message.startswith(words)
    assert unmet.severity == "info"
    assert unmet.told == "Dependencies do not meet ready condition, retrying in 30s"
    assert (unmet.dependency.namespace, unmet.dependency.name) == ("ns", "base")


def test_a_dependency_with_another_source_may_be_at_any_revision():
    found = other(revision="main@sha1:0", source="else")
    wanted = declared(dependsOn=[{"name": "base"}])
    assert obstacles.dependencies(wanted, SOURCE, lambda _: found) is None


@pytest.mark.parametrize(
    ("status", "overtaken"),
    [
        ({}, False),
        (attempted(6), False),
        (attempted(7), False),
        (attempted(8), True),
        (attempted(8, uid="s-0"), False),
        ({"lastAttempted": "nonsense"}, False),
    ],
)
def test_only_a_higher_sequence_of_the_same_source_overtakes(status, overtaken):
    assert obstacles.overtaken(status, SOURCE) is overtaken


def test_a_source_that_nobody_counts_is_never_overtaken():
    uncounted = Source(kind="GitRepository", namespace="ns", name="repo", uid="s-1")
    assert not obstacles.overtaken(attempted(8), uncounted)
