"""Health and dependencies: awaited without holding anything up."""

from tests.fixtures.reconciler import config, workload

FAIL = "devcluster.setpoint.dev/fail"


async def test_a_rollout_is_awaited_and_a_failed_one_is_named_and_mended_by_a_commit(rec):
    rec.start()
    good = await rec.push({"a.yaml": [workload("web", rec.ns)]})
    rec.declare(wait=True, timeout="30s")
    await rec.at(good)
    assert rec.condition("Healthy")["status"] == "True"
    broken = await rec.push(
        {"a.yaml": [workload("web", rec.ns, image="registry.example/web:2", **{FAIL: "unready"})]}
    )
    await rec.ready("Unknown", message="in progress")
    assert rec.condition("Reconciling")["message"].startswith("Running health checks for")
    assert rec.get()["status"]["lastAttemptedRevision"] == broken
    assert rec.get()["status"]["lastAppliedRevision"] == good
    mended = await rec.push({"a.yaml": [workload("web", rec.ns, image="registry.example/web:3")]})
    await rec.at(mended)


async def test_an_object_that_never_gets_well_fails_the_check_by_name(rec):
    rec.start()
    await rec.push({"a.yaml": [workload("web", rec.ns, **{FAIL: "unready"})]})
    rec.declare(wait=True, timeout="30s")
    found = await rec.eventually(
        lambda: (c := rec.condition()).get("reason") == "HealthCheckFailed" and c, "failed", 50
    )
    assert f"Deployment/{rec.ns}/web status: 'InProgress'" in found["message"]
    assert rec.condition("Healthy")["status"] == "False"
    await rec.told("HealthCheckFailed", "web")


async def test_a_named_health_check_of_somebody_elses_object_is_followed(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns)]})
    check = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other", "namespace": rec.ns}
    rec.declare(healthChecks=[check], timeout="60s")
    await rec.ready("Unknown")
    rec.apply(workload("other", rec.ns))
    await rec.ready()


async def test_a_dependency_is_waited_for_and_wakes_its_dependents(rec):
    rec.start()
    await rec.push({"a/a.yaml": [config("one", rec.ns)], "b/b.yaml": [config("two", rec.ns)]})
    rec.declare("second", path="./b", dependsOn=[{"name": "first"}])
    found = await rec.ready("False", name="second")
    assert found["reason"] == "DependencyNotReady"
    assert f"dependency '{rec.ns}/first' not found" in found["message"]
    rec.declare("first", path="./a")
    await rec.ready(name="second")
    assert rec.live("configmap", "two")
