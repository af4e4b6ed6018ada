"""What keeps a pass from beginning, and where it is looked for."""

import pytest

from services.reconciler.core import obstacles
from services.reconciler.core.refusals import barred_deletion
from services.reconciler.core.sources import Source
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
