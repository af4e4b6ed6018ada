"""
What ends a pass before its work, what ends a Kustomization, and how a pass is concluded.
"""

import pytest

from services.reconciler.core.health import Health, Status
from services.reconciler.core.schedule import After
from services.reconciler.prune import Pruned
from shared.errors import TransientError
from shared.kube.errors import Unreachable
from shared.model import Digest
from tests.fakes.reconciler.mortal import Switch
from tests.fakes.reconciler.ports import kustomization_key
from tests.unit.reconciler.world import World, config, config_key, survives

ONE, TWO = config_key("one"), config_key("two")
APP = kustomization_key("ns", "app")


@pytest.fixture
def world():
    made = World()
    made.push(config("one"), config("two"))
    return made


async def settled(world, **spec):
    world.declare(**spec)
    process = world.start()
    await process.settle()
    return process


# Prune


async def test_an_object_of_another_owner_leaves_the_inventory_and_stays(world):
    process = await settled(world)
    label = {"kustomize.toolkit.fluxcd.io/name": "other"}
    world.api.edit(TWO, {"metadata": {"labels": label}})
    world.push(config("one"))
    await process.settle()
    assert set(world.configs()) == {"one", "two"}
    assert world.recorded() == {"one"}


async def test_an_object_with_prune_disabled_is_left_and_let_go(world):
    process = await settled(world)
    world.api.edit(
        TWO, {"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}}
    )
    world.push(config("one"))
    await process.settle()
    assert "two" in world.configs()
    assert world.recorded() == {"one"}


async def test_a_namespace_in_which_something_is_declared_is_not_deleted(world):
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "more"}}
    world.push(space, config("inside", "more"))
    process = await settled(world)
    world.push(config("inside", "more"))
    await process.settle()
    assert world.condition() == ("False", "PruneFailed")
    assert "still declared live in it" in world.message()
    assert "inside" in world.configs()


async def test_deletions_go_in_the_reverse_order_of_applies(world):
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "more"}}
    world.push(space, config("inside", "more"), config("one"))
    process = await settled(world)
    world.push(config("one"))
    await process.settle()
    assert [key.kind for key in world.cluster.deleted] == ["ConfigMap", "Namespace"]


async def test_an_object_that_changes_at_the_moment_of_its_deletion_stays(world):
    process = await settled(world)
    lane = await process.lane()
    process.switch.meanwhile("Cluster.delete", lambda: world.api.edit(TWO, {"data": {"x": "y"}}))
    pruned = await process.prune.run(lane, [TWO])
    assert isinstance(pruned, Pruned)
    assert list(pruned.failed) == [TWO]
    assert "two" in world.configs()


async def test_what_somebody_else_deleted_is_gone_without_a_request_to_delete(world):
    process = await settled(world)
    world.api.delete(TWO)
    pruned = await process.prune.run(await process.lane(), [TWO])
    assert (list(pruned.gone), pruned.deleted) == ([TWO], [])
    assert "Cluster.delete" not in process.switch.calls


# The end of a Kustomization


def end(world):
    world.api.delete(APP)


async def test_a_deleted_one_takes_its_objects_and_receipts_with_it(world):
    process = await settled(world)
    assert world.receipts.saved
    end(world)
    assert (await process.once()).after is After.SUSPENDED
    assert (world.configs(), world.declared(), world.receipts.saved) == ({}, None, {})


@pytest.mark.parametrize(
    "spec", [{"deletionPolicy": "Orphan"}, {"prune": False}, {"suspend": True}]
)
async def test_an_orphaning_or_suspended_one_leaves_its_objects(world, spec):
    process = await settled(world)
    (await process.lane()).redeclare(world.declare(**spec))
    end(world)
    await process.once()
    assert world.declared() is None
    assert set(world.configs()) == {"one", "two"}
    assert world.cluster.deleted == []


async def test_delete_deletes_also_where_prune_is_off(world):
    process = await settled(world, prune=False, deletionPolicy="Delete")
    end(world)
    await process.once()
    assert world.configs() == {}


async def test_the_finalizer_stays_while_an_object_cannot_be_deleted(world):
    process = await settled(world)

    async def refuse(*_, **__):
        raise Unreachable("ConfigMap/ns/one: no answer")

    world.cluster.delete = refuse
    end(world)
    ended = await process.once()
    assert (ended.after, ended.delay) == (After.FAILURE, 2.0)
    assert world.condition() == ("False", "PruneFailed")
    assert world.recorded() == {"one", "two"}
    del world.cluster.delete
    await process.once()
    assert world.declared() is None


async def test_a_spec_that_nobody_can_read_holds_no_deletion(world):
    process = await settled(world)
    world.api.edit(APP, {"spec": {"interval": "now and then"}})
    end(world)
    await process.once()
    assert world.declared() is None
    assert world.configs() == {}


@pytest.mark.parametrize("spec", [{"deletionPolicy": "Perhaps"}, {"prune": "maybe"}])
async def test_where_nobody_can_read_what_becomes_of_the_objects_they_stay_and_it_is_said(
    world, spec
):
    process = await settled(world)
    world.api.edit(APP, {"spec": spec})
    end(world)
    await process.once()
    assert world.declared() is None
    assert set(world.configs()) == {"one", "two"}
    message = world.reporter.told[-1][0].message
    assert message.startswith("deleted; 2 objects of its inventory stay")
    assert next(iter(spec)) in message


async def test_what_another_one_of_the_name_left_behind_counts_for_nothing(world):
    process = await settled(world, deletionPolicy="WaitForTermination", timeout="1m")
    world.api.edit(ONE, {"metadata": {"finalizers": ["example.dev/hold"]}})
    end(world)
    await process.once()
    for key in (APP, ONE):
        world.api.edit(key, {"metadata": {"finalizers": None}})  # somebody did not wait
    process.lanes.remove(process.lanes.get("ns", "app"))
    world.clock.advance(120)
    world.declare(deletionPolicy="WaitForTermination", timeout="1m")
    await process.settle()
    assert set(world.configs()) == {"one", "two"}
    world.api.edit(ONE, {"metadata": {"finalizers": ["example.dev/hold"]}})
    end(world)
    assert (await process.once()).delay == 2.0


async def test_wait_for_termination_waits_until_all_are_gone_or_the_time_is_over(world):
    world.api.apply(config("one"), manager="somebody")
    process = await settled(world, deletionPolicy="WaitForTermination", timeout="1m")
    world.api.edit(ONE, {"metadata": {"finalizers": ["example.dev/hold"]}})
    end(world)
    assert (await process.once()).delay == 2.0
    assert "is being deleted" in world.message()
    world.clock.advance(59)
    assert (await process.once()).delay == 2.0
    world.clock.advance(1)
    await process.once()
    assert world.declared() is None
    assert "one" in world.configs()


async def test_a_timeout_below_30_s_is_raised_for_the_end_too(world):
    process = await settled(world, deletionPolicy="WaitForTermination", timeout="1s")
    world.api.edit(ONE, {"metadata": {"finalizers": ["example.dev/hold"]}})
    end(world)
    await process.once()
    world.clock.advance(29)
    await process.once()
    assert world.declared() is not None
    world.clock.advance(1)
    await process.once()
    assert world.declared() is None


# Halt


async def test_what_keeps_a_pass_from_beginning_is_told_once(world):
    process = await settled(world, serviceAccountName="robot")
    assert world.condition() == ("False", "NotSupported")
    assert world.condition("Stalled") == ("True", "NotSupported")
    await process.once()
    assert world.reporter.reasons() == ["NotSupported"]
    assert world.configs() == {}


async def test_a_missing_source_is_waited_for_without_an_event(world):
    world.source = None
    await settled(world)
    assert world.condition() == ("False", "ArtifactFailed")
    assert world.reporter.told == []


async def test_a_suspended_one_does_nothing_but_answer(world):
    process = await settled(world)
    lane = await process.lane()
    asked = {"reconcile.fluxcd.io/requestedAt": "now"}
    lane.redeclare(world.declare(annotations=asked, suspend=True))
    world.push(config("three"))
    process.switch.calls.clear()
    assert (await process.once()).after is After.SUSPENDED
    assert process.switch.calls == ["Declarations.write_status"]
    assert world.status()["lastHandledReconcileAt"] == "now"
    assert set(world.configs()) == {"one", "two"}


async def test_a_broken_render_keeps_the_last_good_state_and_is_told_once(world):
    process = await settled(world)
    good = world.status()["lastAppliedRevision"]
    world.push(**{"a.yaml": "kind: {broken"})
    for _ in range(3):
        assert (await process.once()).after is After.FAILURE
    assert world.condition() == ("False", "BuildFailed")
    assert world.reporter.reasons().count("BuildFailed") == 1
    assert set(world.configs()) == world.recorded() == {"one", "two"}
    assert world.status()["lastAppliedRevision"] == good
    assert world.status()["lastAttemptedRevision"] == world.source.revision


async def test_an_api_server_that_does_not_answer_is_asked_again_soon(world):
    process = await settled(world)
    world.push(config("one", a="2"), config("three"))

    async def away(*_, **__):
        raise Unreachable("no answer")

    world.declarations.write_status = away
    ended = await process.once()
    assert (ended.after, ended.delay) == (After.FAILURE, 2.0)
    assert "three" not in world.configs(), "nothing is applied that could not be recorded"
    del world.declarations.write_status
    await process.settle()
    assert set(world.configs()) == world.recorded() == {"one", "three"}


# Render


async def test_an_artifact_that_is_lost_is_asked_for_and_nothing_is_pruned(world):
    process = await settled(world)
    world.push(config("three"))
    world.artifacts.stored.clear()
    await process.once()
    assert world.condition() == ("False", "ArtifactFailed")
    assert world.artifacts.asked == [("ns", "repo")]
    assert set(world.configs()) == {"one", "two"}


async def test_an_artifact_with_other_bytes_is_asked_for_and_the_last_good_state_stays(world):
    process = await settled(world)
    source = world.push(config("three"))
    good = world.artifacts.stored[Digest.parse(source.digest)]
    world.artifacts.stored[Digest.parse(source.digest)] = b"forged"
    await process.once()
    assert world.condition() == ("False", "ArtifactFailed")
    assert "asked source to publish it again" in world.message()
    assert world.artifacts.asked == [("ns", "repo")]
    assert set(world.configs()) == {"one", "two"}
    world.artifacts.stored[Digest.parse(source.digest)] = good
    await process.settle()
    assert set(world.configs()) == {"three"}


async def test_the_same_render_is_not_made_twice(world):
    process = await settled(world)
    await process.once()
    assert process.switch.calls.count("Renderer.render") == 1
    for text in ("hello", "news"):
        world.push(config("one"), config("two"), readme=text)
        await process.settle()
    assert process.switch.calls.count("Renderer.render") == 2, "only the new file is looked at"
    world.push(config("one", a="2"), config("two"), readme="news")
    await process.settle()
    assert process.switch.calls.count("Renderer.render") == 3


async def test_a_refused_object_is_sent_again_though_nothing_changed_in_the_render(world):
    world.push(config("lost", "later"))
    process = await settled(world)
    assert world.condition() == ("False", "ReconciliationFailed")
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later"}}
    world.api.apply(space, manager="somebody")
    await process.settle()
    assert world.condition() == ("True", "ReconciliationSucceeded")


async def test_values_of_secrets_are_filled_in_and_masked_in_what_is_said(world):
    world.api.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "values", "namespace": "ns"},
            "data": {"name": "U3VwM3JfczNjcmV0"},
        },
        manager="test",
    )
    world.push(config("one", a="${name}"), config("lost-${name}", "no-such-namespace"))
    process = await settled(
        world, postBuild={"substituteFrom": [{"kind": "Secret", "name": "values"}]}
    )
    assert world.configs()["one"] == {"a": "Sup3r_s3cret"}
    said = f"{world.status()} {[event for event, _ in world.reporter.told]}"
    assert "no-such-namespace" in said
    shown = {key: value for key, value in world.status().items() if key != "inventory"}
    assert "Sup3r_s3cret" not in f"{shown} {[event for event, _ in world.reporter.told]}"
    assert process.switch.calls.count("Declarations.values") >= 1


@pytest.mark.parametrize(("optional", "ready"), [(True, "True"), (False, "False")])
async def test_values_that_are_missing_stop_a_pass_unless_they_are_optional(world, optional, ready):
    origin = {"kind": "ConfigMap", "name": "absent", "optional": optional}
    await settled(world, postBuild={"substituteFrom": [origin]})
    assert world.condition()[0] == ready
    if not optional:
        assert "ConfigMap ns/absent" in world.message()


# Conclude


def health(lane, status, message=""):
    for key in (ONE, TWO):
        lane.memory.health[key] = Health(status, message)


async def test_health_is_awaited_then_followed_then_recovers(world):
    process = await settled(world, wait=True)
    lane = await process.lane()
    assert world.condition("Healthy") == ("True", "Succeeded")
    world.reporter.told.clear()
    health(lane, Status.FAILED, "crashes")
    ended = await process.follow()
    assert ended.after is After.FAILURE
    assert world.condition() == ("False", "HealthCheckFailed")
    assert world.condition("Healthy") == ("False", "HealthCheckFailed")
    await process.follow()
    assert world.reporter.reasons() == ["HealthCheckFailed"]
    health(lane, Status.CURRENT)
    await process.follow()
    assert world.condition() == ("True", "ReconciliationSucceeded")
    assert world.condition("Healthy") == ("True", "Succeeded")


@pytest.mark.parametrize("reason", ["BuildFailed", "DependencyNotReady"])
async def test_healthy_objects_do_not_hide_why_the_newest_state_is_not_there(world, reason):
    process = await settled(world, wait=True)
    lane, good = await process.lane(), world.status()["lastAppliedRevision"]
    if reason == "BuildFailed":
        world.push(**{"a.yaml": "kind: {broken"})
    else:
        world.declare(wait=True, dependsOn=[{"name": "missing"}])
    await process.settle()
    health(lane, Status.CURRENT)
    await process.follow()
    assert world.condition() == ("False", reason)
    assert world.status()["lastAppliedRevision"] == good


async def test_healthy_objects_do_not_speak_for_a_revision_that_is_still_being_tried(world):
    process = await settled(world, wait=True)
    lane, good = await process.lane(), world.status()["lastAppliedRevision"]

    def lost():
        raise TransientError("the Lease is lost", reason="NotLeader")

    world.push(config("one"), config("two"), config("three"))
    process.switch.meanwhile("Declarations.write_status", lost)
    assert (await process.once()).delay == 1.0
    health(lane, Status.CURRENT)
    assert await process.follow() is None
    assert world.status()["lastAppliedRevision"] == good
    await process.settle()
    assert world.status()["lastAppliedRevision"] == world.source.revision


async def test_a_lost_lease_is_no_refusal_of_objects(world):
    process = await settled(world, wait=True)
    before = world.status()

    def lost():
        raise TransientError("the Lease is lost", reason="NotLeader")

    world.push(config("one"), config("two"), config("three"))
    process.switch.meanwhile("Cluster.apply", lost)
    assert (await process.once()).after is After.FAILURE
    assert "refused" not in str(world.status())
    assert world.status()["lastAppliedRevision"] == before["lastAppliedRevision"]
    assert "ReconciliationFailed" not in world.reporter.reasons()
    await process.settle()
    assert world.status()["lastAppliedRevision"] == world.source.revision


async def test_what_is_away_for_a_moment_is_not_said(world):
    process = await settled(world, wait=True)
    lane = await process.lane()
    health(lane, Status.IN_PROGRESS)
    before = world.declared()
    assert (await process.follow()).after is After.SUCCESS
    assert world.declared() == before
    assert lane.look_at == world.clock.monotonic() + 30
    world.clock.advance(30)
    await process.follow()
    assert world.condition("Healthy") == ("False", "HealthCheckFailed")


async def test_a_success_is_told_also_if_a_revision_without_news_came_while_it_was_awaited(world):
    process = await settled(world, wait=True)
    lane = await process.lane()
    world.push(config("one", a="2"), config("two"))
    health(lane, Status.IN_PROGRESS)
    await process.settle()
    world.reporter.told.clear()
    health(lane, Status.CURRENT)
    world.push(config("one", a="2"), config("two"), readme="news")
    await process.settle()
    assert world.condition() == ("True", "ReconciliationSucceeded")
    assert world.reporter.reasons().count("ReconciliationSucceeded") == 1
    await process.settle()
    assert world.reporter.reasons().count("ReconciliationSucceeded") == 1


@pytest.mark.parametrize(("limit", "seconds"), [("1m", 60), ("1s", 30), (None, 3570)])
async def test_health_that_does_not_come_fails_at_the_timeout_of_at_least_30_s(
    world, limit, seconds
):
    world.push(config("one"))
    world.declare(
        healthChecks=[
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "namespace": "ns"}
        ],
        **({"timeout": limit} if limit else {}),
    )
    process = world.start()
    await process.once()
    assert world.status() == {}  # most rollouts are over before anybody has to hear of them
    world.clock.advance(seconds - 0.5)
    await process.follow()
    assert world.condition() == ("Unknown", "Progressing")
    world.clock.advance(0.5)
    await process.follow()
    assert world.condition() == ("False", "HealthCheckFailed")
    assert "ConfigMap/ns/other" in world.message()


OTHER = config_key("other")
CHECKS = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "namespace": "ns"}]


async def rolling_out(world):
    """
    Make a pass with a new revision whose health is awaited, from where all was well.
    """
    world.declare(healthChecks=CHECKS)
    process = world.start()
    lane = await process.lane()
    lane.memory.health[OTHER] = Health(Status.CURRENT)
    await process.settle()
    assert world.condition("Healthy") == ("True", "Succeeded")
    world.reporter.told.clear()
    world.push(config("one", a="2"), config("two"))
    lane.memory.health[OTHER] = Health(Status.IN_PROGRESS, "rolls out")
    process.switch.calls.clear()
    await process.once()
    return process, lane


def status_writes(process):
    return process.switch.calls.count("Declarations.write_status")


async def test_a_rollout_that_is_over_within_a_second_costs_one_status(world):
    process, lane = await rolling_out(world)
    assert status_writes(process) == 0
    assert lane.look_at == world.clock.monotonic() + 1.0
    world.clock.advance(0.9)
    lane.memory.health[OTHER] = Health(Status.CURRENT)
    await process.follow()
    assert status_writes(process) == 1
    assert world.status()["lastAppliedRevision"] == world.source.revision
    assert world.status()["lastAttempted"]["sequence"] == world.source.sequence
    assert world.condition("Healthy") == ("True", "Succeeded")
    assert world.reporter.reasons() == ["Progressing", "Progressing", "ReconciliationSucceeded"]


async def test_a_rollout_that_lasts_is_in_the_status_after_a_second_and_once(world):
    process, lane = await rolling_out(world)
    world.clock.advance(1.0)
    await process.follow()
    await process.follow()
    assert status_writes(process) == 1
    assert world.condition() == ("Unknown", "Progressing")
    assert lane.look_at == world.clock.monotonic() - 1.0 + 3570
    lane.memory.health[OTHER] = Health(Status.CURRENT)
    await process.follow()
    assert world.condition() == ("True", "ReconciliationSucceeded")
    assert world.reporter.reasons() == ["Progressing", "Progressing", "ReconciliationSucceeded"]


async def test_dependents_wait_for_a_rollout_of_which_the_status_says_nothing_yet(world):
    process, lane = await rolling_out(world)
    assert world.condition() == ("True", "ReconciliationSucceeded")
    world.declare("second", dependsOn=[{"name": "app"}])
    assert (await process.once("second")).after is After.DEPENDENCY
    lane.memory.health[OTHER] = Health(Status.CURRENT)
    await process.follow()
    assert (await process.once("second")).after is not After.DEPENDENCY


async def test_a_rollout_that_is_replaced_by_a_newer_revision_is_not_told(world):
    process, lane = await rolling_out(world)
    world.push(config("one", a="3"))
    lane.memory.health[OTHER] = Health(Status.CURRENT)
    await process.settle()
    assert world.status()["lastAppliedRevision"] == world.source.revision
    assert world.recorded() == {"one"}
    assert lane.believed is lane.declared


async def test_without_checks_nobody_speaks_of_health(world):
    process = await settled(world)
    assert world.condition("Healthy") is None
    health(await process.lane(), Status.FAILED)
    before = world.declared()
    await process.follow()
    assert world.declared() == before


async def test_drift_that_stands_is_in_the_status_beside_ready(world):
    process = await settled(world, driftDetection={"mode": "warn"})
    world.api.edit(ONE, {"data": {"a": "9"}})
    lane = await process.lane()
    lane.notice(ONE, world.api.find(ONE))
    await process.settle()
    assert world.condition() == ("True", "ReconciliationSucceeded")
    assert world.message().endswith("; drifted: 1 object")
    assert world.condition("Drifted") == ("True", "DriftDetected")
    assert world.status()["drift"][0]["id"] == "ns_one__ConfigMap"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 16))
async def test_who_dies_before_the_status_tells_the_same_success_again_and_no_second_one(at, after):
    world = World()
    world.push(config("one"))
    world.declare()
    await survives(world.start(Switch(at=at, after=after)))
    world.clock.advance(1.5)
    second = world.start()
    second.switch.meanwhile("Renderer.render", lambda: world.clock.advance(0.3))  # it takes longer
    await second.settle()
    told = {occurrence for one, occurrence in world.reporter.told if "Succeeded" in one.reason}
    assert len(told) == 1


async def test_each_success_at_one_revision_is_told_by_itself(world):
    process = await settled(world)
    for _ in range(2):
        world.api.edit(ONE, {"data": {"a": "9"}})
        lane = await process.lane()
        lane.memory.receipts.pop(ONE)
        await process.settle()
    told = [occurrence for one, occurrence in world.reporter.told if "Succeeded" in one.reason]
    assert len(told) == len(set(told)) == 3
