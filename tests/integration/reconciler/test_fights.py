"""Fights: somebody writes the same fields again and again, and is not answered for ever."""

import json

import pytest

from shared.kube import Kube
from tests.fixtures.drift import told_about
from tests.fixtures.reconciler import config, workload
from tests.fixtures.rivals import applies, requests, rival

REVERTS = 4  # until it is a fight: more than three


@pytest.fixture
async def kube(kubeconfig):
    client = await Kube.connect(kubeconfig, name="test")
    yield client
    await client.close()


@pytest.fixture
async def app(rec, proxy, tmp_path):
    """The reconciler, whose requests are counted, on some objects."""
    rec.start(KUBECONFIG=str(proxy.kubeconfig(tmp_path)))
    objects = [workload("web", rec.ns), *(config(f"conf-{n}", rec.ns) for n in range(6))]
    await rec.push({"a.yaml": objects})
    rec.declare()
    await rec.ready()
    proxy.seen.clear()
    return rec


async def healed(rec, name):
    await rec.eventually(
        lambda: rec.live("configmap", name).get("data") == {"a": "1"}, f"{name} as declared"
    )


async def fighting(rec):
    return await rec.eventually(
        lambda: rec.condition("Drifted").get("reason") == "DriftFight", "the condition says fight"
    )


async def test_a_writer_without_end_is_answered_four_times_and_told_of_once(app, kube, proxy):
    async with rival(kube, app.ns, "conf-0") as writes:
        event = await app.told("DriftFight")
        await fighting(app)
        # A write that came while the last one was looked at is looked at once more.
        await app.settled()
        proxy.seen.clear()
        await writes(40)
        # Neither it nor its status are written at the pace of somebody else.
        assert requests(proxy, app.ns) == []
        said = app.condition("Drifted")["message"]
        for text in (said, event.message):
            for part in ("conf-0", "setpoint and rival", "data.a", "1h", "spec.ignore"):
                assert part in text
        assert await app.ready(message="; drifted: 1 object")
        [row] = app.get()["status"]["drift"]
        assert (row["action"], row["by"], row["fields"][0]["path"]) == (
            "backoff", "rival", "data.a",
        )  # fmt: skip
        # Other objects of the same kind and Kustomization are not made to wait.
        app.kubectl("patch", "configmap", "conf-1", "--type=merge", "-p", '{"data":{"a":"9"}}')
        await healed(app, "conf-1")
    told = await told_about(app, "conf-0")
    assert [one.partition(":")[0] for one in told] == ["DriftDetected"] * REVERTS + ["DriftFight"]


async def test_a_fight_goes_on_where_it_was_after_a_restart(app, kube, proxy, tmp_path):
    async with rival(kube, app.ns, "conf-0") as writes:
        await app.told("DriftFight")
        await fighting(app)
        app.kill()
        proxy.seen.clear()
        app.start(KUBECONFIG=str(proxy.kubeconfig(tmp_path)))
        await app.settled()
        await writes(20)
        assert applies(proxy, "configmaps", "conf-0") == 0
        assert app.condition("Drifted")["reason"] == "DriftFight"
    assert len(await app.events("DriftFight")) == 1


async def test_a_fight_is_one_revert_an_interval_and_ends_after_two_quiet_ones(app, kube, proxy):
    app.declare(interval="3s")
    async with rival(kube, app.ns, "conf-0"):
        await app.told("DriftFight")
        assert applies(proxy, "configmaps", "conf-0") == REVERTS
        await fighting(app)
        await app.eventually(
            lambda: applies(proxy, "configmaps", "conf-0") == REVERTS + 1, "one more revert"
        )
        assert app.condition("Drifted")["reason"] == "DriftFight"
    await healed(app, "conf-0")
    await app.eventually(lambda: not app.condition("Drifted"), "the fight is over")
    assert "drift" not in app.get()["status"]
    app.kubectl("patch", "configmap", "conf-0", "--type=merge", "-p", '{"data":{"a":"9"}}')
    await healed(app, "conf-0")
    told = [one.partition(":")[0] for one in await told_about(app, "conf-0")]
    assert told == ["DriftDetected"] * REVERTS + ["DriftFight", "DriftDetected"]


async def test_a_storm_over_different_objects_is_no_fight(app):
    for value in range(2):
        for number in range(6):
            patch = json.dumps({"data": {"a": f"storm {value}"}})
            app.kubectl("patch", "configmap", f"conf-{number}", "--type=merge", "-p", patch)
        for number in range(6):
            await healed(app, f"conf-{number}")
    await app.settled()
    assert await app.events("DriftFight") == []
    assert app.condition("Drifted") == {}


async def test_an_object_in_a_fight_that_somebody_deletes_is_made_again_at_once(app, kube):
    async with rival(kube, app.ns, "conf-0"):
        await fighting(app)
    app.kubectl("delete", "configmap", "conf-0")
    await healed(app, "conf-0")


async def test_a_field_dropped_from_git_ends_the_fight(app, kube):
    objects = [config("conf-0", app.ns, b="2"), workload("web", app.ns)]
    async with rival(kube, app.ns, "conf-0"):
        await fighting(app)
        await app.push({"a.yaml": objects})
        await app.eventually(lambda: not app.condition("Drifted"), "the fight is over")
        assert app.live("configmap", "conf-0")["data"].keys() == {"a", "b"}
        app.kubectl("patch", "configmap", "conf-0", "--type=merge", "-p", '{"data":{"b":"9"}}')
        await app.eventually(lambda: app.live("configmap", "conf-0")["data"]["b"] == "2", "healed")


def scale(rec, replicas):
    rec.kubectl(
        "patch", "deployment", "web", "--subresource=scale", "--type=merge",
        "--field-manager=kube-controller-manager",
        "-p", json.dumps({"spec": {"replicas": replicas}}),
    )  # fmt: skip


async def test_an_autoscaler_beside_declared_replicas_is_let_go_on(app, proxy):
    def replicas():
        return app.live("deployment", "web")["spec"]["replicas"]

    for number in range(REVERTS):
        scale(app, 3)
        await app.eventually(lambda: replicas() == 1, f"revert {number}")
    scale(app, 3)
    await fighting(app)
    event = await app.told("DriftFight")
    for part in ("kube-controller-manager", "spec.replicas", "spec.ignore"):
        assert part in event.message
    assert replicas() == 3
    assert applies(proxy, "deployments", "web") == REVERTS
    assert (await app.ready())["status"] == "True"


@pytest.mark.timeout(240)
async def test_the_real_autoscaler_is_let_go_on_at_its_own_slow_pace(app, proxy):
    # It acts by its minimum, without metrics; every 15 s, so that a fight takes a minute to see.
    app.kubectl("autoscale", "deployment", "web", "--min=3", "--max=5")
    await app.eventually(lambda: app.condition("Drifted"), "a fight", within=180)
    assert app.condition("Drifted")["reason"] == "DriftFight"
    (told,) = await app.events("DriftFight")
    assert "kube-controller-manager" in told.message
    assert app.live("deployment", "web")["spec"]["replicas"] == 3
    assert applies(proxy, "deployments", "web") == REVERTS
    assert app.condition("Ready")["status"] == "True"


@pytest.fixture
def role(rec):
    name = f"{rec.ns}-all"
    yield name
    rec.kubectl.run("delete", "clusterrole", name, f"{name}-part", "--ignore-not-found")


async def test_declared_rules_of_an_aggregated_role_are_left_to_its_controller(app, role, proxy):
    aggregated = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": role},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"part-of": role}}]},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    }
    part = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"{role}-part", "labels": {"part-of": role}},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
    }
    await app.push({"a.yaml": [aggregated, part]})
    event = await app.told("DriftFight")
    await fighting(app)
    assert "clusterrole-aggregation-controller" in event.message
    assert "rules" in event.message
    assert applies(proxy, "clusterroles", role) <= REVERTS + 1  # the first made it
    assert (await app.ready())["status"] == "True"
    await app.push({"a.yaml": [{**part}]})
    await app.eventually(lambda: app.live("clusterrole", role) == {}, "pruned")
