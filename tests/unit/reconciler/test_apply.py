"""
Applying stage by stage: what is refused, what waits for it, what is left alone, what is replaced.
"""

import pytest

from services.reconciler.core.manifest import desired_of
from services.reconciler.core.plan import Action
from shared.kube.errors import AdmissionDenied, Invalid, ServerFailed
from shared.model import ObjectKey
from tests.unit.reconciler.world import World, config, config_key

ONE, TWO = config_key("one"), config_key("two")


def space(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def definition():
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.dev"},
        "spec": {
            "group": "example.dev",
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": True, "storage": True}],
        },
    }


def labelled(obj, **options):
    labels = {f"kustomize.toolkit.fluxcd.io/{name}": value for name, value in options.items()}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


@pytest.fixture
def world():
    made = World()
    made.declare()
    return made


@pytest.fixture
def process(world):
    return world.start()


async def run(process, *objects, outdated=lambda: False):
    lane = await process.lane()
    wanted = [desired_of(obj) for obj in objects]
    lane.memory.desired = {one.key: one for one in wanted}
    return await process.apply.run(lane, wanted, lane.memory.desired, outdated=outdated)


async def test_a_refusal_is_recorded_for_its_object_and_the_others_go_on(world, process):
    world.api.refusals[ONE] = AdmissionDenied("a policy says no")
    done = await run(process, config("one"), config("two"))
    assert done.actions == {TWO: Action.CREATED}
    assert (done.refused[ONE].message, done.refused[ONE].final) == ("a policy says no", True)


async def test_only_what_the_origin_can_mend_is_final(world, process):
    world.api.refusals[ONE] = ServerFailed("unwell")
    assert not (await run(process, config("one"))).refused[ONE].final


async def test_what_needs_a_refused_namespace_is_not_sent(world, process):
    key = ObjectKey(group="", kind="Namespace", namespace="", name="more")
    world.api.refusals[key] = AdmissionDenied("no")
    done = await run(process, space("more"), config("inside", "more"), config("two"))
    inside = config_key("inside", "more")
    assert done.refused[inside].message == "needs Namespace/more, which was refused"
    assert inside not in world.cluster.applied
    assert done.actions == {TWO: Action.CREATED}


async def test_an_object_comes_after_the_definition_of_its_kind(world, process):
    thing = {
        "apiVersion": "example.dev/v1",
        "kind": "Thing",
        "metadata": {"name": "t", "namespace": "ns"},
    }
    done = await run(process, thing, definition())
    assert set(done.actions.values()) == {Action.CREATED}
    assert [key.kind for key in world.cluster.applied] == ["CustomResourceDefinition", "Thing"]


async def test_what_needs_a_refused_definition_is_not_sent(world, process):
    thing = {
        "apiVersion": "example.dev/v1",
        "kind": "Thing",
        "metadata": {"name": "t", "namespace": "ns"},
    }
    key = ObjectKey(
        group="apiextensions.k8s.io",
        kind="CustomResourceDefinition",
        namespace="",
        name="things.example.dev",
    )
    world.api.refusals[key] = Invalid("no")
    done = await run(process, thing, definition())
    assert len(done.refused) == 2
    assert world.cluster.applied == []


async def test_something_newer_cuts_between_stages(world, process):
    answers = iter([False, True])
    done = await run(process, space("more"), config("one"), outdated=lambda: next(answers))
    assert done.cut
    assert [key.kind for key in world.cluster.applied] == ["Namespace"]


async def test_created_configured_and_unchanged_are_told_apart(world, process):
    assert (await run(process, config("one"))).actions == {ONE: Action.CREATED}
    assert (await run(process, config("one"))).actions == {ONE: Action.UNCHANGED}
    assert (await run(process, config("one", a="2"))).actions == {ONE: Action.CONFIGURED}
    world.api.apply(config("two", a="0"), manager="somebody")
    assert (await run(process, config("two"))).actions == {TWO: Action.CONFIGURED}


@pytest.mark.parametrize("options", [{"reconcile": "disabled"}, {"ssa": "Ignore"}])
async def test_an_object_that_opts_out_is_skipped(world, process, options):
    done = await run(process, labelled(config("one"), **options))
    assert done.actions == {ONE: Action.SKIPPED}
    assert world.cluster.applied == []


async def test_if_not_present_applies_only_where_nothing_is(world, process):
    world.api.apply(config("two", a="0"), manager="somebody")
    wanted = [labelled(config(name), ssa="IfNotPresent") for name in ("one", "two")]
    done = await run(process, *wanted)
    assert done.actions == {ONE: Action.CREATED, TWO: Action.SKIPPED}
    assert world.configs() == {"one": {"a": "1"}, "two": {"a": "0"}}
    again = await run(process, *wanted)
    assert again.actions == {ONE: Action.SKIPPED, TWO: Action.SKIPPED}


async def test_an_immutable_object_is_replaced_only_where_that_is_asked_for(world, process):
    await run(process, {**config("one"), "immutable": True})
    uid = world.api.find(ONE)["metadata"]["uid"]
    changed = {**config("one", a="2"), "immutable": True}
    assert "immutable" in (await run(process, changed)).refused[ONE].message
    assert world.api.find(ONE)["metadata"]["uid"] == uid
    done = await run(process, labelled(changed, force="enabled"))
    assert done.actions == {ONE: Action.CREATED}
    assert world.configs()["one"] == {"a": "2"}
    assert world.api.find(ONE)["metadata"]["uid"] != uid


async def test_force_deletes_nothing_for_another_refusal(world, process):
    await run(process, config("one"))
    world.api.refusals[ONE] = Invalid("ConfigMap/ns/one: data: is too long")
    done = await run(process, labelled(config("one", a="2"), force="enabled"))
    assert ONE in done.refused
    assert world.cluster.deleted == []


async def test_fields_that_kubectl_owns_beside_us_are_taken_over(world, process):
    world.api.apply(config("one"), manager="somebody")
    world.api.edit(ONE, {"data": {"b": "0"}}, manager="kubectl-edit")
    await run(process, config("one", a="1", b="0"))
    await run(process, config("one"))
    assert world.configs()["one"] == {"a": "1"}


async def test_a_takeover_that_loses_a_race_reads_again(world, process):
    world.api.apply(config("one"), manager="somebody")
    world.api.edit(ONE, {"data": {"b": "0"}}, manager="kubectl-edit")
    process.switch.meanwhile(
        "Cluster.rewrite_managers",
        lambda: world.api.edit(ONE, {"data": {"c": "3"}}, manager="controller"),
    )
    done = await run(process, config("one", a="1", b="0"))
    assert done.refused == {}
    managers = {one["manager"] for one in world.api.find(ONE)["metadata"]["managedFields"]}
    assert managers == {"setpoint", "somebody", "controller"}


async def test_merge_leaves_the_fields_of_others_to_them(world, process):
    world.api.apply(config("one"), manager="somebody")
    world.api.edit(ONE, {"data": {"b": "0"}}, manager="kubectl-edit")
    await run(process, labelled(config("one", a="1", b="0"), ssa="Merge"))
    assert "Cluster.rewrite_managers" not in process.switch.calls


async def test_what_a_watch_says_during_our_write_is_judged_by_its_answer(world, process):
    await run(process, config("one"))
    lane = await process.lane()
    lane.settled = True
    old = world.api.find(ONE)
    process.switch.meanwhile("Cluster.apply", lambda: lane.notice(ONE, old))
    await run(process, config("one", a="2"))
    assert lane.marks.drifted == {}
    process.switch.meanwhile(
        "Cluster.apply", lambda: lane.notice(ONE, world.api.edit(ONE, {"data": {"a": "9"}}))
    )
    await run(process, config("one", a="3"))
    assert lane.marks.drifted == {}, "what we wrote is newer than what was seen"


async def test_one_that_failed_keeps_what_the_watch_said(world, process):
    await run(process, config("one"))
    lane = await process.lane()
    lane.settled = True
    world.api.refusals[ONE] = ServerFailed("unwell")
    process.switch.meanwhile(
        "Cluster.apply", lambda: lane.notice(ONE, world.api.edit(ONE, {"data": {"a": "9"}}))
    )
    await run(process, config("one", a="2"))
    assert lane.marks.drifted == {ONE: True}
