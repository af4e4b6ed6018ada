"""Drift: seen by watch, explained, and healed; each kind of edit."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.fixtures.reconciler import config, workload

DEPLOYMENT = "deployment"


@pytest.fixture
async def app(rec):
    rec.start()
    await rec.push({"a.yaml": [workload("web", rec.ns), config("conf", rec.ns)]})
    rec.declare()
    await rec.ready()
    await rec.settled()
    return rec


def env_of(obj):
    return obj["spec"]["template"]["spec"]["containers"][0]["env"]


async def facts(rec, part):
    event = await rec.told("DriftDetected", part)
    prefix = "kustomize.toolkit.fluxcd.io/"
    return {key.removeprefix(prefix): value for key, value in event.metadata.items()}


async def test_a_scaled_deployment_is_healed_and_the_event_tells_field_values_and_manager(app):
    app.kubectl("scale", "deployment/web", "--replicas=5")
    await app.eventually(lambda: app.live(DEPLOYMENT, "web")["spec"]["replicas"] == 1, "healed")
    told = await facts(app, "spec.replicas")
    assert json.loads(told["fields"]) == [{"path": "spec.replicas", "from": 1, "to": 5}]
    assert told["manager"] == "kubectl"
    assert told["object"] == f"Deployment/{app.ns}/web"
    assert told["action"] == "revert"


async def test_a_changed_image_names_the_container_and_the_client(app):
    app.kubectl("set", "image", "deployment/web", "web=evil:2")
    told = await facts(app, "image")
    assert json.loads(told["fields"]) == [
        {
            "path": "spec.template.spec.containers[name=web].image",
            "from": "registry.example/web:1",
            "to": "evil:2",
        }
    ]
    assert told["manager"] == "kubectl-set"


async def test_removals_and_deletions_are_attributed_to_nobody(app):
    app.kubectl("label", "deployment", "web", "app-")
    told = await facts(app, "labels")
    assert "no trace" in told["manager"]
    app.kubectl("delete", "configmap", "conf")
    await app.eventually(lambda: app.live("configmap", "conf"), "made again")
    told = await facts(app, "was deleted")
    assert "no trace" in told["manager"]


async def test_fields_that_nobody_declared_are_not_drift(app):
    before = app.live(DEPLOYMENT, "web")["metadata"]["resourceVersion"]
    app.kubectl("label", "deployment", "web", "extra=1")
    app.kubectl("annotate", "configmap", "conf", "extra=1")
    app.kubectl("set", "env", "deployment/web", "B=3")
    app.kubectl("scale", "deployment/web", "--replicas=4")  # this one is: it tells when to look
    await app.eventually(lambda: app.live(DEPLOYMENT, "web")["spec"]["replicas"] == 1, "healed")
    live = app.live(DEPLOYMENT, "web")
    assert live["metadata"]["resourceVersion"] != before
    assert live["metadata"]["labels"]["extra"] == "1"
    assert {"name": "B", "value": "3"} in env_of(live)
    await app.settled()
    assert [e.metadata for e in await app.events("DriftDetected") if "conf" in e.message] == []


async def test_a_lost_owner_label_is_put_back_on_the_same_object(app):
    uid = app.live("configmap", "conf")["metadata"]["uid"]
    app.kubectl("label", "configmap", "conf", "kustomize.toolkit.fluxcd.io/name-")
    await app.eventually(
        lambda: (
            "kustomize.toolkit.fluxcd.io/name"
            in app.live("configmap", "conf")["metadata"].get("labels", {})
        ),
        "label is back",
    )
    assert app.live("configmap", "conf")["metadata"]["uid"] == uid


async def test_a_configmap_without_generation_is_healed_too(app):
    app.kubectl("patch", "configmap", "conf", "--type=merge", "-p", '{"data":{"a":"9"}}')
    told = await facts(app, "data.a")
    assert json.loads(told["fields"]) == [{"path": "data.a", "from": "1", "to": "9"}]
    await app.eventually(lambda: app.live("configmap", "conf")["data"] == {"a": "1"}, "healed")


async def test_cleared_field_managers_are_mended_and_a_later_removal_still_works(app):
    patch = '[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]'
    app.kubectl("patch", "configmap", "conf", "--type=json", "-p", patch)

    def ours():
        fields = app.live("configmap", "conf")["metadata"].get("managedFields") or []
        return [entry["manager"] for entry in fields] == ["setpoint"]

    await app.eventually(ours, "we own our fields again, alone")
    second = await app.push({"a.yaml": [workload("web", app.ns), config("conf", app.ns, b="2")]})
    await app.at(second)
    assert app.live("configmap", "conf")["data"] == {"b": "2"}


async def test_warn_reports_once_and_leaves_the_object_until_a_new_revision(app):
    app.declare(driftDetection={"mode": "warn"})
    await app.settled()
    app.kubectl("scale", "deployment/web", "--replicas=5")
    told = await facts(app, "spec.replicas")
    assert told["action"] == "report"
    found = await app.ready(message="; drifted: 1 object")
    assert found["status"] == "True"
    assert app.condition("Drifted")["reason"] == "DriftDetected"
    assert app.get()["status"]["drift"][0]["by"] == "kubectl"
    await app.settled()
    assert app.live(DEPLOYMENT, "web")["spec"]["replicas"] == 5
    assert len(await app.events("DriftDetected")) == 1
    second = await app.push(
        {
            "a.yaml": [
                workload("web", app.ns, image="registry.example/web:2"),
                config("conf", app.ns),
            ]
        }
    )
    await app.at(second)
    assert app.live(DEPLOYMENT, "web")["spec"]["replicas"] == 1
    await app.eventually(lambda: not app.condition("Drifted"), "no drift stands")


def paused_for(seconds):
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    return f"setpoint.dev/paused-until={until:%Y-%m-%dT%H:%M:%SZ}"


async def test_a_paused_object_is_left_and_reported_and_healed_as_soon_as_the_pause_is_gone(app):
    app.kubectl("annotate", "configmap", "conf", paused_for(3600))
    app.kubectl("patch", "configmap", "conf", "--type=merge", "-p", '{"data":{"a":"9"}}')
    told = await facts(app, "data.a")
    assert told["action"] == "paused"
    assert app.live("configmap", "conf")["data"] == {"a": "9"}
    app.kubectl("annotate", "configmap", "conf", "setpoint.dev/paused-until-")
    await app.eventually(lambda: app.live("configmap", "conf")["data"] == {"a": "1"}, "healed")


async def test_a_pause_ends_by_itself(app):
    app.kubectl("annotate", "configmap", "conf", paused_for(12))
    app.kubectl("patch", "configmap", "conf", "--type=merge", "-p", '{"data":{"a":"9"}}')
    assert (await facts(app, "data.a"))["action"] == "paused"
    await app.eventually(lambda: app.live("configmap", "conf")["data"] == {"a": "1"}, "healed")


async def test_ignored_fields_belong_to_others(app):
    app.declare(ignore=[{"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}])
    await app.settled()
    app.kubectl("scale", "deployment/web", "--replicas=5")
    app.kubectl("set", "image", "deployment/web", "web=evil:2")
    await facts(app, "image")
    await app.eventually(
        lambda: (
            app.live(DEPLOYMENT, "web")["spec"]["template"]["spec"]["containers"][0]["image"]
            == "registry.example/web:1"
        ),
        "image healed",
    )
    assert app.live(DEPLOYMENT, "web")["spec"]["replicas"] == 5


async def test_an_object_made_by_kubectl_is_taken_over_also_while_controllers_write_it(rec):
    rec.start()
    rec.kubectl("apply", "-f", "-", stdin=workload("web", rec.ns, replicas=2))
    revision = await rec.push({"a.yaml": [workload("web", rec.ns)]})
    rec.declare()
    await rec.at(revision)
    live = rec.live(DEPLOYMENT, "web")
    assert live["spec"]["replicas"] == 1
    managers = {
        entry["manager"]
        for entry in live["metadata"]["managedFields"]
        if not entry.get("subresource") and "f:replicas" in entry["fieldsV1"].get("f:spec", {})
    }
    assert managers == {"setpoint"}
