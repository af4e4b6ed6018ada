"""An event becomes one order per Provider."""

from dataclasses import dataclass, replace
from threading import current_thread

import pytest

from services.notifier.core.dedupe import delivery_id
from services.notifier.core.match import rule_of
from shared.errors import TransientError
from tests.unit.notifier.objects import alert, event, provider


@pytest.fixture
def add(world):
    def put(*alerts, providers=None):
        for found in alerts:
            key = (found.metadata.namespace, found.metadata.name)
            world.catalog.put_rule(key, rule_of(found))
        for found in [provider()] if providers is None else providers:
            world.catalog.put_provider((found.metadata.namespace, found.metadata.name), found)

    return put


async def test_an_event_that_nobody_wants_costs_no_request(world, add):
    add(alert(eventSeverity="error"))
    await world.dispatch.dispatch(event(), "e-1", "t")
    assert world.letters.waiting == {}
    assert world.declarations.reads == 0


async def test_two_alerts_with_one_provider_make_one_order_by_the_first(world, add):
    add(alert("b", summary="second"), alert("a", summary="first"))
    await world.dispatch.dispatch(event(), "e-1", "t")
    (order,) = world.letters.waiting.values()
    assert order.alert_name == "a"
    assert order.event.metadata == {"summary": "first"}


async def test_each_provider_gets_an_order_with_its_own_id(world, add):
    add(
        alert("a", providerRef={"name": "x"}),
        alert("b", providerRef={"name": "y"}),
        providers=[provider("x", uid="p-x"), provider("y", uid="p-y")],
    )
    await world.dispatch.dispatch(event(), "e-1", "t")
    assert set(world.letters.waiting) == {delivery_id("e-1", "p-x"), delivery_id("e-1", "p-y")}


async def test_the_same_event_again_makes_no_second_order(world, add):
    add(alert())
    for _ in range(2):
        await world.dispatch.dispatch(event(), "e-1", "t")
    assert len(world.letters.waiting) == 1


async def test_labels_are_those_of_the_object_in_the_api(world, add):
    add(alert(eventSources=[{"kind": "Kustomization", "name": "*", "matchLabels": {"t": "red"}}]))
    await world.dispatch.dispatch(event(), "e-1", "t")
    assert world.letters.waiting == {}
    world.declarations.put(
        {
            "kind": "Kustomization",
            "metadata": {
                "name": "podinfo",
                "namespace": "apps",
                "labels": {"t": "red"},
                "annotations": {"event.toolkit.fluxcd.io/env": "prod"},
            },
        }
    )
    await world.dispatch.dispatch(event(), "e-2", "t")
    (order,) = world.letters.waiting.values()
    assert order.event.metadata == {"env": "prod"}


@pytest.mark.parametrize("there", [True, False])
async def test_the_object_of_an_event_is_read_once_for_labels_and_annotations(world, add, there):
    red = {"kind": "Kustomization", "name": "*", "matchLabels": {"t": "red"}}
    blue = {"kind": "Kustomization", "name": "*", "matchLabels": {"t": "blue"}}
    add(alert("a"), alert("b", eventSources=[red]), alert("c", eventSources=[blue]))
    if there:
        where = {"name": "podinfo", "namespace": "apps", "labels": {"t": "red"}}
        world.declarations.put({"kind": "Kustomization", "metadata": where})
    await world.dispatch.dispatch(event(), "e-1", "t")
    assert len(world.letters.waiting) == 1
    assert world.declarations.reads == 1


def with_annotation(value):
    annotations = {"event.toolkit.fluxcd.io/team": value}
    where = {"name": "podinfo", "namespace": "apps", "annotations": annotations}
    return {"kind": "Kustomization", "metadata": where}


async def told(world, **involved):
    world.letters.waiting.clear()
    await world.dispatch.dispatch(event(involved=involved), "e-1", "t")
    (order,) = world.letters.waiting.values()
    return order.event.metadata["team"]


async def test_the_events_of_a_burst_read_their_object_once(world, add):
    add(alert())
    world.declarations.put(with_annotation("red"))
    assert [await told(world) for _ in range(3)] == ["red"] * 3
    assert world.declarations.reads == 1


@pytest.mark.parametrize("involved", [{"resource_version": "43"}, {"uid": "0f1f"}])
async def test_an_event_of_another_version_of_its_object_reads_it(world, add, involved):
    add(alert())
    world.declarations.put(with_annotation("red"))
    assert await told(world) == "red"
    world.declarations.put(with_annotation("blue"))
    assert await told(world, **involved) == "blue"


@pytest.mark.parametrize("involved", [{"resource_version": ""}, {"uid": ""}])
async def test_an_event_that_names_no_version_reads_its_object(world, add, involved):
    add(alert())
    world.declarations.put(with_annotation("red"))
    assert await told(world, **involved) == "red"
    world.declarations.put(with_annotation("blue"))
    assert await told(world, **involved) == "blue"


async def test_what_was_read_of_an_object_holds_for_seconds(world, add):
    add(alert())
    world.declarations.put(with_annotation("red"))
    assert await told(world) == "red"
    world.declarations.put(with_annotation("blue"))
    world.clock.advance(5.1)
    assert await told(world) == "blue"


async def test_an_object_that_was_not_there_is_read_again(world, add):
    add(alert())
    await world.dispatch.dispatch(event(), "e-1", "t")
    world.declarations.put(with_annotation("blue"))
    assert await told(world) == "blue"


async def test_an_event_whose_labels_cannot_be_read_waits(world, add):
    add(alert(eventSources=[{"kind": "Kustomization", "name": "*", "matchLabels": {"t": "red"}}]))
    world.declarations.trouble = TransientError("the API server is away")
    with pytest.raises(TransientError):
        await world.dispatch.dispatch(event(), "e-1", "t")


async def test_an_event_that_needs_no_labels_does_not_wait_for_the_api_server(world, add):
    add(alert())
    world.declarations.trouble = TransientError("the API server is away")
    await world.dispatch.dispatch(event(), "e-1", "t")
    assert len(world.letters.waiting) == 1


async def test_an_event_for_a_missing_provider_is_a_dead_letter(world, add):
    add(alert(), providers=[])
    await world.dispatch.dispatch(event(), "e-1", "t")
    ((order, reason, attempts),) = world.letters.buried.values()
    assert (reason, attempts) == ("the Provider does not exist", 0)
    assert order.provider_name == "hook"


@pytest.mark.parametrize("spec", [{"suspend": True}, {"type": "discord"}])
async def test_a_suspended_or_unsupported_provider_takes_nothing(world, add, spec):
    add(alert(), providers=[provider(**spec)])
    await world.dispatch.dispatch(event(), "e-1", "t")
    assert world.letters.waiting == {}
    assert world.letters.buried == {}


async def test_an_order_that_is_not_stored_leaves_the_event_where_it_is(world, add):
    add(alert())
    world.letters.trouble = TransientError("NATS is away")
    with pytest.raises(TransientError):
        await world.dispatch.dispatch(event(), "e-1", "t")


@dataclass
class Watched:
    """
    Expressions that say in which threads they were used.
    """

    size: int
    threads: list

    def any_in(self, text):
        self.threads.append(current_thread())
        return True


@pytest.mark.parametrize(("size", "inline"), [(50, True), (10_000, False)])
async def test_expressions_that_may_take_long_do_not_hold_the_loop(world, add, size, inline):
    watched = Watched(size, [])
    rule = replace(rule_of(alert()), include=watched)
    add()
    world.catalog.put_rule(("apps", "alert"), rule)
    await world.dispatch.dispatch(event(message="a" * 1000), "e-1", "t")
    assert [thread is current_thread() for thread in watched.threads] == [inline]
    assert len(world.letters.waiting) == 1


async def test_expressions_are_used_for_the_events_only_that_the_sources_name(world, add):
    watched = Watched(50, [])
    add()
    for name, spec in (("a", {"name": "other"}), ("b", {"kind": "GitRepository"})):
        found = alert(name, eventSources=[{"kind": "Kustomization", "name": "*"} | spec])
        world.catalog.put_rule(("apps", name), replace(rule_of(found), include=watched))
    await world.dispatch.dispatch(event(), "e-1", "t")
    assert watched.threads == []
