from pathlib import Path

import pydantic
import pytest
import yaml

from shared.api import KINDS, GitRepository, Kustomization, Provider, Receiver, kind_info
from shared.api.kustomization_status import DriftedField, KustomizationStatus
from shared.errors import StalledError

COMPLETE = Path(__file__).parents[3] / "integration" / "api" / "complete"
# Maps whose keys people choose; objects of the API have no other field that takes any key.
MAPS = {"labels", "annotations", "substitute", "matchLabels", "eventMetadata", "metadata"}
SOURCE = {"kind": "GitRepository", "name": "app"}


def kustomization(**spec):
    return Kustomization.read(
        {"spec": {"sourceRef": SOURCE, "interval": "10m", "prune": True, **spec}}
    )


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_an_object_with_every_field_is_written_as_it_was_read(info):
    data = yaml.safe_load((COMPLETE / f"{info.plural}.yaml").read_text())
    assert info.model.read(data).to_json() == data


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_the_complete_objects_leave_no_field_out(info):
    data = yaml.safe_load((COMPLETE / f"{info.plural}.yaml").read_text())
    missing = []

    def look(model, path):
        for name, field in type(model).model_fields.items():
            if name not in model.model_fields_set:
                missing.append(f"{path}.{field.alias}")
                continue
            child = getattr(model, name)
            for part in child if isinstance(child, tuple) else (child,):
                if isinstance(part, pydantic.BaseModel):
                    look(part, f"{path}.{field.alias}")

    read = info.model.read(data)
    look(read.spec, "spec")
    look(read.status, "status")
    # These two may not stand beside spec.oidcProviders and spec.kubeConfig.secretRef.
    assert set(missing) <= {"spec.secretRef", "spec.kubeConfig.configMapRef"}


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_unknown_fields_are_ignored_wherever_they_stand(info):
    data = yaml.safe_load((COMPLETE / f"{info.plural}.yaml").read_text())
    known = info.model.read(data)

    def strew(node, name=""):
        if isinstance(node, list):
            return [strew(item) for item in node]
        if not isinstance(node, dict) or name in MAPS:
            return node
        return {"unheardOf": {"x": [1]}, **{key: strew(part, key) for key, part in node.items()}}

    assert info.model.read(strew(data)) == known


def test_an_object_that_nobody_looked_at_has_observed_generation_minus_one():
    assert kustomization().status.observed_generation == -1
    data = {"spec": {"sourceRef": SOURCE, "interval": "1m", "prune": True}, "status": {}}
    assert Kustomization.read(data).status.observed_generation == 0


def test_absent_fields_are_read_as_the_defaults_of_the_api():
    spec = kustomization().spec
    assert (spec.path, spec.wait, spec.force, spec.suspend) == ("", False, False, False)
    assert (spec.deletion_policy, spec.drift_detection) == ("MirrorPrune", None)
    assert (spec.retry_seconds, spec.timeout_seconds) == (600, 570)


@pytest.mark.parametrize(
    ("timeout", "interval", "seconds"),
    [(None, "10m", 570), (None, "40s", 30), ("5s", "10m", 30), ("2m", "10m", 120)],
)
def test_the_timeout_is_the_declared_one_or_30_s_under_the_interval_and_at_least_30_s(
    timeout, interval, seconds
):
    spec = kustomization(interval=interval, timeout=timeout).spec
    assert spec.timeout_seconds == seconds


def test_a_delivery_may_take_fifteen_seconds_unless_the_provider_says_otherwise():
    assert Provider.read({"spec": {"type": "slack"}}).spec.timeout_seconds == 15
    assert Provider.read({"spec": {"type": "slack", "timeout": "1m"}}).spec.timeout_seconds == 60


def test_defaults_are_not_written_but_what_was_given_is_even_if_equal():
    assert "suspend" not in kustomization().to_json()["spec"]
    assert kustomization(suspend=False).to_json()["spec"]["suspend"] is False


def test_an_object_of_another_kind_or_version_is_refused():
    with pytest.raises(StalledError, match="apiVersion"):
        GitRepository.read({"apiVersion": "source.toolkit.fluxcd.io/v1beta2", "spec": {}})
    with pytest.raises(StalledError, match="kind"):
        GitRepository.read({"kind": "Bucket", "spec": {}})


def test_objects_cannot_be_changed():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        kustomization().spec.path = "./apps"


def test_a_status_made_by_us_is_written_in_the_spelling_of_the_api():
    status = KustomizationStatus.model_validate(
        {
            "lastAttempted": {"sourceUID": "u", "sequence": 7},
            "drift": [{"id": "ns_a__ConfigMap", "since": "2026-01-01T00:00:00Z", "action": "r"}],
        }
    )
    assert status.to_json()["lastAttempted"] == {"sourceUID": "u", "sequence": 7}
    assert DriftedField(path="data.a", from_="1", to="2").to_json() == {
        "path": "data.a",
        "from": "1",
        "to": "2",
    }


def test_conditions_are_given_as_the_value_that_knows_how_they_change():
    data = yaml.safe_load((COMPLETE / "gitrepositories.yaml").read_text())
    conditions = GitRepository.read(data).status.condition_set
    assert conditions.is_true("Ready")
    assert conditions.to_json() == data["status"]["conditions"]


def test_the_token_of_a_request_to_look_now_is_found():
    read = Receiver.read(
        {
            "metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}},
            "spec": {
                "type": "generic",
                "secretRef": {"name": "token"},
                "resources": [{"kind": "GitRepository", "name": "*"}],
            },
        }
    )
    assert read.requested_at == "now"
    assert kustomization().requested_at == ""


def test_a_kind_that_is_none_of_ours_is_not_found():
    with pytest.raises(KeyError):
        kind_info("Deployment")
