"""Drift that comes while watches are lost, or while the reconciler is busy with the same lane."""

import json

import pytest

from tests.fixtures.api_proxy import Answer, Hang, Truncate, status
from tests.fixtures.drift import facts
from tests.fixtures.reconciler import config

EDIT = json.dumps({"data": {"a": "9"}})
WATCHES = {"method": "GET", "path": "/configmaps$", "query": "watch="}


@pytest.fixture
async def app(rec, proxy, tmp_path):
    await rec.push({"a.yaml": [config("one", rec.ns), config("two", rec.ns)]})
    rec.declare()
    rec.start(KUBECONFIG=str(proxy.kubeconfig(tmp_path)))
    await rec.ready()
    return rec


async def healed(rec, name):
    await rec.eventually(
        lambda: rec.live("configmap", name).get("data") == {"a": "1"}, f"{name} as declared"
    )


def listed(proxy):
    return sum(
        one.path.endswith("/api/v1/configmaps") and "watch=" not in one.query for one in proxy.seen
    )


async def test_drift_whose_event_is_lost_with_an_expired_watch_is_found_in_the_list(
    app, proxy, tmp_path
):
    app.kill()
    proxy.seen.clear()
    proxy.fail(Truncate(1), **WATCHES)  # the event of the edit is the first that it brings
    expired = status(410, "Expired", "too old resource version")
    proxy.fail(Answer(status=410, body=expired), **WATCHES)
    app.start(KUBECONFIG=str(proxy.kubeconfig(tmp_path)))
    await app.settled()
    app.kubectl("patch", "configmap", "one", "--type=merge", "-p", EDIT)
    told = await facts(app, "/one")
    assert told["fields"] == [{"path": "data.a", "from": "1", "to": "9"}]
    await healed(app, "one")
    # The second takes the place of the watch; an object of another test's may have ended it before.
    assert listed(proxy) == 2


async def test_drift_that_comes_in_the_middle_of_a_pass_is_told_and_healed_after_it(app, proxy):
    held = Hang()
    proxy.fail(held, method="PATCH", path=f"/namespaces/{app.ns}/configmaps/two$")
    revision = await app.push({"a.yaml": [config("one", app.ns), config("two", app.ns, a="2")]})
    await app.eventually(lambda: proxy.count("PATCH", "/configmaps/two$") == 2, "pass under way")
    app.kubectl("patch", "configmap", "one", "--type=merge", "-p", EDIT)
    held.release.set()
    told = await facts(app, "/one")
    assert told["manager"] == "kubectl-patch"
    await healed(app, "one")
    await app.at(revision)
    assert app.live("configmap", "two")["data"] == {"a": "2"}


async def test_an_object_that_cannot_be_read_is_looked_at_again_and_healed(app, proxy):
    broken = Answer(status=500, body=status(500, "InternalError", "etcd is away"))
    proxy.fail(broken, method="GET", path=f"/namespaces/{app.ns}/configmaps/one$", times=1)
    app.kubectl("patch", "configmap", "one", "--type=merge", "-p", EDIT)
    await facts(app, "/one")
    await healed(app, "one")
    await app.ready()


async def test_a_secret_declared_as_text_and_edited_as_data_is_healed_and_never_shown(rec):
    rec.start()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login", "namespace": rec.ns},
        "stringData": {"user": "hunter-two"},
    }
    await rec.push({"a.yaml": [secret]})
    rec.declare(driftDetection={"mode": "warn"})
    await rec.ready()
    declared = rec.live("secret", "login")["data"]
    patch = json.dumps({"stringData": {"user": "intruder"}})
    rec.kubectl("patch", "secret", "login", "--type=merge", "-p", patch)
    told = await facts(rec, "/login")
    assert told["fields"] == [{"path": "data.user", "from": "***", "to": "***"}]
    await rec.ready(message="; drifted: 1 object")
    assert rec.get()["status"]["drift"][0]["fields"] == [
        {"path": "data.user", "from": "***", "to": "***"}
    ]
    rec.declare(driftDetection={"mode": "enabled"})
    await rec.eventually(lambda: rec.live("secret", "login")["data"] == declared, "healed")
    shown = f"{await rec.events()} {rec.get()} {rec.log}"
    for word in ("hunter-two", "intruder", *declared.values(), "aW50cnVkZXI="):
        assert word not in shown
