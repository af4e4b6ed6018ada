"""Admission that changes what we declare: always, or only when others write the object."""

import pytest

from tests.fixtures.drift import (
    Rewrite,
    admission,
    facts,
    in_force,
    judged,
    labelled,
    marker,
    told_about,
    version,
)
from tests.fixtures.reconciler import config, workload

MIRROR = Rewrite(
    ("apps", "deployments"),
    '[JSONPatch{op: "replace", path: "/spec/template/spec/containers/0/image",'
    ' value: "mirror.example/web:1"}]',
)
DATA = Rewrite(
    ("", "configmaps"),
    '[JSONPatch{op: "replace", path: "/data/a", value: "rewritten"}]',
    "has(object.data) && 'a' in object.data",
)
OTHERS = Rewrite(
    DATA.resource,
    DATA.patch,
    f"{DATA.when} && request.options.?fieldManager.orValue('') != 'setpoint'",
)


def image_of(rec):
    return rec.live("deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"]


@pytest.fixture
async def rewritten(rec):
    with admission(rec, MIRROR), admission(rec, DATA):
        await in_force(rec, workload("probe", rec.ns), "mirror.example")
        await in_force(rec, config("probe", rec.ns), "rewritten")
        rec.start()
        objects = [workload("web", rec.ns), config("conf", rec.ns)]
        more = [{**marker("marker", rec.ns), "data": {"b": "1"}}]
        await rec.push({"a.yaml": [*objects, *more, labelled(workload("marked", rec.ns))]})
        rec.declare()
        await rec.ready()
        yield rec


async def test_a_field_that_is_always_rewritten_settles_without_a_word(rewritten):
    rec = rewritten
    rec.kubectl("annotate", "configmap", "conf", "seen=1")
    rec.kubectl("scale", "deployment", "web", "--replicas=1")
    rec.kubectl("set", "env", "deployment/web", "B=3")
    before = {kind: version(rec, kind, name) for kind, name in (("configmap", "conf"),)}
    await judged(rec, "configmap", "marker")
    await judged(rec, "deployment", "marked")
    assert version(rec, "configmap", "conf") == before["configmap"]
    assert image_of(rec) == "mirror.example/web:1"
    assert await told_about(rec, "conf") == []
    assert await told_about(rec, "web") == []


async def test_drift_beside_a_rewritten_field_names_only_what_somebody_changed(rewritten):
    rec = rewritten
    rec.kubectl("scale", "deployment", "web", "--replicas=5")
    told = await facts(rec, "spec.replicas")
    assert [one["path"] for one in told["fields"]] == ["spec.replicas"]


async def test_a_value_that_admission_changes_when_others_write_is_found_and_healed(rec):
    with admission(rec, OTHERS):
        await in_force(rec, config("probe", rec.ns), "rewritten")
        rec.start()
        await rec.push({"a.yaml": [config("conf", rec.ns)]})
        rec.declare()
        await rec.ready()
        assert rec.live("configmap", "conf")["data"] == {"a": "1"}
        rec.kubectl("annotate", "configmap", "conf", "seen=1")
        told = await facts(rec, "data.a")
        assert told["fields"] == [{"path": "data.a", "from": "1", "to": "rewritten"}]
        assert "no trace" in told["manager"]
        await rec.eventually(lambda: rec.live("configmap", "conf")["data"] == {"a": "1"}, "healed")
