"""Who took which field: each way in which the API server records a write, or does not."""

import json

import pytest

from tests.fixtures.drift import facts, judged, labelled, marker, told_about, version
from tests.fixtures.freeze import frozen
from tests.fixtures.reconciler import config, workload

DATA = [{"path": "data.a", "from": "1", "to": "9"}]


@pytest.fixture
async def app(rec):
    rec.start()
    objects = [workload("web", rec.ns), config("conf", rec.ns), marker("marker", rec.ns)]
    await rec.push({"a.yaml": [*objects, labelled(workload("marked", rec.ns, replicas=0))]})
    rec.declare()
    await rec.ready()
    return rec


def bare(rec, **data):
    return config("conf", rec.ns, **data)


async def healed(rec):
    await rec.eventually(
        lambda: rec.live("configmap", "conf").get("data", {}).get("a") == "1", "conf as declared"
    )


async def test_a_replaced_content_is_healed_on_the_same_object_and_names_the_client(app):
    uid = app.live("configmap", "conf")["metadata"]["uid"]
    app.kubectl("replace", "-f", "-", stdin=bare(app, a="9"))
    told = await facts(app, "data.a")
    assert {"path": "data.a", "from": "1", "to": "9"} in told["fields"]
    assert told["manager"] == "kubectl-replace"
    await healed(app)
    live = app.live("configmap", "conf")
    assert live["metadata"]["uid"] == uid
    assert live["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "app"


async def test_an_object_made_anew_by_somebody_is_told_as_another_one_and_healed(app):
    with frozen(app.started[-1].pid):  # or it is back before kubectl makes it again
        app.kubectl("replace", "--force", "-f", "-", stdin=bare(app, a="9"))
    told = await facts(app, "was deleted and made again")
    assert DATA[0] in told["fields"]
    assert told["manager"] == "kubectl-replace"
    await healed(app)
    uid = app.live("configmap", "conf")["metadata"]["uid"]
    await judged(app, "configmap", "marker")
    assert app.live("configmap", "conf")["metadata"]["uid"] == uid
    assert app.condition()["status"] == "True"


async def test_a_forced_take_over_by_another_applier_is_healed_and_names_it(app):
    app.kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager=rival", "-f", "-",
        stdin=bare(app, a="9"),
    )  # fmt: skip
    told = await facts(app, "data.a")
    assert (told["fields"], told["manager"]) == (DATA, "rival")
    await healed(app)


async def test_an_applier_under_our_own_name_is_seen_although_the_set_of_fields_is_equal(app):
    before = app.live("configmap", "conf")
    labels = before["metadata"]["labels"]
    same = bare(app, a="9") | {"metadata": {"name": "conf", "namespace": app.ns, "labels": labels}}
    app.kubectl("apply", "--server-side", "--field-manager=setpoint", "-f", "-", stdin=same)
    told = await facts(app, "data.a")
    assert told["fields"] == DATA
    await healed(app)


async def test_a_co_owner_of_the_same_value_is_left_in_peace(app):
    app.kubectl(
        "apply", "--server-side", "--field-manager=friend", "-f", "-", stdin=bare(app, a="1")
    )
    before = version(app, "configmap", "conf")
    await judged(app, "configmap", "marker")
    assert version(app, "configmap", "conf") == before
    assert await told_about(app, "conf") == []


async def test_a_written_status_is_not_drift(app):
    patch = {"status": {"conditions": [{"type": "Paused", "status": "True", "reason": "Test"}]}}
    app.kubectl(
        "patch", "deployment", "web", "--subresource=status", "--type=merge",
        "-p", json.dumps(patch),
    )  # fmt: skip
    await judged(app, "deployment", "marked")
    assert await told_about(app, "web") == []


async def test_a_default_that_somebody_changes_is_theirs(app):
    patch = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 5}}}}
    app.kubectl("patch", "deployment", "web", "-p", json.dumps(patch))
    await judged(app, "deployment", "marked")
    live = app.live("deployment", "web")
    assert live["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 5
    assert await told_about(app, "web") == []


async def test_a_list_item_under_another_key_is_a_loss_of_ours_and_is_put_back(app):
    path = "/spec/template/spec/containers/0/env/0/name"
    patch = [{"op": "replace", "path": path, "value": "C"}]
    app.kubectl("patch", "deployment", "web", "--type=json", "-p", json.dumps(patch))
    told = await facts(app, "env")
    assert [one["path"] for one in told["fields"]] == [
        "spec.template.spec.containers[name=web].env[name=A]"
    ]

    def names():
        container = app.live("deployment", "web")["spec"]["template"]["spec"]["containers"][0]
        return {one["name"] for one in container["env"]}

    await app.eventually(lambda: "A" in names(), "our item is back")


async def test_after_many_writers_nobody_is_named_by_guess(app):
    def write(manager, **data):
        app.kubectl(
            "patch", "configmap", "conf", "--type=merge", f"--field-manager={manager}",
            "-p", json.dumps({"data": data}),
        )  # fmt: skip

    with frozen(app.started[-1].pid):
        write("a-taker", a="9")
        for number in range(10):
            write(f"later-{number}", **{f"k{number}": "1"})
    fields = app.live("configmap", "conf")["metadata"]["managedFields"]
    told = await facts(app, "data.a")
    assert "ancient-changes" in {one["manager"] for one in fields}
    assert told["fields"] == DATA
    assert "no trace" in told["manager"]
    await healed(app)
