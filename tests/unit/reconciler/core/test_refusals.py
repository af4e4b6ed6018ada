import pytest

from services.reconciler.core.refusals import message_of, unsupported
from shared.api import Kustomization


def kustomization(**spec):
    base = {
        "sourceRef": {"kind": "GitRepository", "name": "repo"},
        "prune": True,
        "interval": "10m",
    }
    return Kustomization.model_validate(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "apps", "namespace": "flux-system"},
            "spec": base | spec,
        }
    )


def fields(**spec):
    return [one.field for one in unsupported(kustomization(**spec))]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"serviceAccountName": "tenant"}, "spec.serviceAccountName"),
        ({"kubeConfig": {"secretRef": {"name": "s"}}}, "spec.kubeConfig"),
        ({"decryption": {"provider": "sops"}}, "spec.decryption"),
        (
            {"healthCheckExprs": [{"apiVersion": "v1", "kind": "X", "current": "true"}]},
            "spec.healthCheckExprs",
        ),
        (
            {"dependsOn": [{"name": "a", "readyExpr": "true"}]},
            "spec.dependsOn[].readyExpr",
        ),
        ({"sourceRef": {"kind": "Bucket", "name": "b"}}, "spec.sourceRef.kind Bucket"),
    ],
)
def test_a_field_that_cannot_be_honoured_is_said_with_a_remedy(spec, field):
    [one] = unsupported(kustomization(**spec))
    assert one.field == field
    assert message_of((one,)) == f"{field} is not supported: {one.remedy}"
    assert one.remedy


def test_fields_that_are_honoured_are_not_refused():
    assert (
        fields(
            path="./x",
            wait=True,
            force=True,
            targetNamespace="t",
            dependsOn=[{"name": "a"}],
            commonMetadata={"labels": {"a": "b"}},
            ignore=[{"paths": ["/spec/replicas"]}],
            driftDetection={"mode": "warn"},
            deletionPolicy="Orphan",
        )
        == []
    )


def test_all_fields_are_named_at_once():
    found = unsupported(kustomization(serviceAccountName="a", decryption={"provider": "sops"}))
    assert message_of(found).count("is not supported") == 2
