"""What the declared objects are told in their statuses."""

import pytest

from services.notifier.announce import Announce
from services.notifier.core.hooks import path_of
from services.notifier.lanes import Lanes
from services.notifier.report import Report
from services.notifier.service import Service, Steps
from shared.errors import TransientError
from shared.runtime.addresses import AddressPolicy
from tests.fakes.notifier.ports import FakeMark
from tests.unit.notifier.conftest import settle
from tests.unit.notifier.objects import NOW, alert, event, provider, receiver


@pytest.fixture
def mark():
    return FakeMark()


@pytest.fixture
def service(world, mark):
    report = Report(
        world.catalog,
        world.declarations,
        world.clock,
        check_address=AddressPolicy().check_url,
        cross_namespace=True,
    )
    announce = Announce(
        world.declarations, world.bus, mark, world.clock, cluster="local", namespace="flux-system"
    )
    steps = Steps(
        dispatch=world.dispatch,
        deliver=world.deliver,
        receive=world.receive,
        report=report,
        announce=announce,
        lanes=Lanes(world.catalog, world.letters, world.deliver.deliver),
    )
    found = Service(
        steps=steps,
        catalog=world.catalog,
        declarations=world.declarations,
        bus=world.bus,
        clock=world.clock,
    )
    found.announce = announce
    return found


@pytest.fixture
def declare(world):
    def put(found, generation=1):
        data = found.to_json()
        data["metadata"]["generation"] = generation
        key = (data["metadata"]["namespace"], data["metadata"]["name"])
        old = world.declarations.found[data["kind"]].get(key, {})
        world.declarations.put({**data, "status": old.get("status", {})})

    return put


@pytest.fixture
def conditions(world):
    def read(kind, name):
        status = world.declarations.statuses.get((kind, "apps", name), {})
        return {
            item["type"]: (item["status"], item["reason"], item["message"])
            for item in status.get("conditions", [])
        }

    return read


async def test_usable_objects_are_ready(world, service, declare, conditions):
    declare(provider())
    declare(alert())
    declare(receiver())
    world.declarations.secrets["apps", "token"] = {"token": b"sesame"}
    world.run(service.run())
    await settle()
    assert conditions("Provider", "hook")["Ready"][:2] == ("True", "Succeeded")
    assert conditions("Alert", "alert")["Ready"][:2] == ("True", "Succeeded")
    ready = conditions("Receiver", "push")["Ready"]
    path = world.declarations.statuses["Receiver", "apps", "push"]["webhookPath"]
    assert ready == ("True", "Succeeded", f"Receiver initialized for path: {path}")
    assert service.missing == ""


async def test_an_unsupported_provider_stalls_itself_and_its_alert(
    world, service, declare, conditions
):
    declare(provider(type="discord"))
    declare(alert())
    world.run(service.run())
    await settle()
    for kind, name in (("Provider", "hook"), ("Alert", "alert")):
        assert conditions(kind, name)["Stalled"][:2] == ("True", "NotSupported")
        assert "discord" in conditions(kind, name)["Ready"][2]


async def test_an_alert_hears_of_its_provider(world, service, declare, conditions):
    declare(alert())
    world.run(service.run())
    await settle()
    assert conditions("Alert", "alert")["Ready"][:2] == ("False", "ProviderNotFound")
    declare(provider())
    await settle()
    assert conditions("Alert", "alert")["Ready"][:2] == ("True", "Succeeded")
    world.declarations.drop("Provider", "apps", "hook")
    await world.pass_time(2)
    assert conditions("Alert", "alert")["Ready"][:2] == ("False", "ProviderNotFound")


async def test_an_alert_with_a_bad_expression_says_so_and_selects_nothing(
    world, service, declare, conditions
):
    declare(provider())
    declare(alert(exclusionList=["("]))
    world.run(service.run())
    await settle()
    assert conditions("Alert", "alert")["Ready"][:2] == ("False", "InvalidConfig")
    assert world.catalog.rules == []


async def test_a_provider_may_not_name_this_machine(world, service, declare, conditions):
    declare(provider(address="http://127.0.0.1:6443/CANARY"))
    world.run(service.run())
    await settle()
    ready = conditions("Provider", "hook")["Ready"]
    assert ready[:2] == ("False", "TargetForbidden")
    assert "CANARY" not in ready[2]


async def test_a_missing_secret_is_named_and_looked_for_again(world, service, declare, conditions):
    declare(receiver())
    world.run(service.run())
    await settle()
    assert conditions("Receiver", "push")["Ready"][:2] == ("False", "TokenNotFound")
    assert "webhookPath" not in world.declarations.statuses["Receiver", "apps", "push"]
    world.declarations.secrets["apps", "token"] = {"token": b"sesame"}
    await world.pass_time(35)
    assert conditions("Receiver", "push")["Ready"][:2] == ("True", "Succeeded")


async def test_a_rotated_token_is_seen_within_the_interval(world, service, declare):
    declare(receiver(interval="1m"))
    world.declarations.secrets["apps", "token"] = {"token": b"sesame"}
    world.run(service.run())
    await settle()
    before = world.declarations.statuses["Receiver", "apps", "push"]["webhookPath"]
    world.declarations.secrets["apps", "token"] = {"token": b"other"}
    await world.pass_time(100)
    after = world.declarations.statuses["Receiver", "apps", "push"]["webhookPath"]
    assert before != after
    assert not await world.receive.knows(before)
    assert await world.receive.knows(after)


async def test_a_rotated_token_counts_at_the_next_call_and_the_old_path_is_gone(
    world, service, declare
):
    declare(receiver(interval="1h"))
    world.declarations.secrets["apps", "token"] = {"token": b"sesame"}
    world.run(service.run())
    await settle()
    before = world.declarations.statuses["Receiver", "apps", "push"]["webhookPath"]
    world.declarations.secrets["apps", "token"] = {"token": b"other"}
    await world.pass_time(2)
    assert not await world.receive.knows(before)
    after = world.declarations.statuses["Receiver", "apps", "push"]["webhookPath"]
    assert await world.receive.knows(after)
    world.declarations.secrets["apps", "token"] = {"token": b"third"}
    await world.pass_time(11)
    assert await world.receive.knows(path_of(b"third", "push", "apps"))


async def test_guesses_at_paths_cost_few_requests(world, service, declare):
    declare(receiver(interval="1h"))
    world.declarations.secrets["apps", "token"] = {"token": b"sesame"}
    world.run(service.run())
    await settle()
    looks = []
    look = world.receive.look_again

    async def counted(keys):
        looks.append(keys)
        await look(keys)

    world.receive.look_again = counted
    for number in range(100):
        assert not await world.receive.knows(f"/hook/{number}")
    assert looks == [[]]


async def test_a_renewed_secret_of_a_provider_is_tried_long_before_its_next_turn(
    world, service, declare
):
    refused = TransientError("401 Unauthorized", retry_after=1800)
    world.channel.answers = [refused]
    declare(provider(secretRef={"name": "chat"}))
    declare(alert())
    world.declarations.secrets["apps", "chat"] = {"token": b"old"}
    world.run(service.run())
    await settle()
    world.bus.tell(event(), "e-1")
    await world.pass_time(120)
    assert len(world.channel.sent) == 1
    world.declarations.secrets["apps", "chat"] = {"token": b"new"}
    await world.pass_time(40)
    assert len(world.channel.sent) == 2


async def test_a_request_to_look_at_a_receiver_is_answered(world, service):
    data = receiver().to_json()
    data["metadata"]["annotations"] = {"reconcile.fluxcd.io/requestedAt": "now"}
    world.declarations.put(data)
    world.declarations.secrets["apps", "token"] = {"token": b"sesame"}
    world.run(service.run())
    await settle()
    status = world.declarations.statuses["Receiver", "apps", "push"]
    assert status["lastHandledReconcileAt"] == "now"


async def test_an_api_server_that_is_away_changes_nothing(world, service, declare):
    declare(receiver())
    world.declarations.secrets["apps", "token"] = {"token": b"sesame"}
    world.run(service.run())
    await settle()
    path = world.declarations.statuses["Receiver", "apps", "push"]["webhookPath"]
    world.declarations.trouble = TransientError("the API server is away")
    declare(receiver(), generation=2)
    await world.pass_time(700, step=5)
    assert await world.receive.knows(path)


async def test_statuses_are_not_written_again_while_nothing_changes(world, service, declare):
    declare(provider())
    declare(alert())
    world.run(service.run())
    await settle()
    before = dict(world.declarations.statuses)
    await world.pass_time(300, step=5)
    assert world.declarations.statuses == before


async def test_a_reset_of_the_bus_is_told_once_with_what_is_not_ready(
    world, service, declare, mark
):
    declare(provider())
    declare(alert())
    stuck = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "app", "namespace": "apps", "uid": "k-1"},
        "status": {
            "conditions": [
                {"type": "Ready", "status": "False", "reason": "BuildFailed", "message": "m"}
            ]
        },
    }
    world.declarations.put(stuck)
    world.run(service.run())
    await settle()
    service.announce.wiped()
    service.announce.wiped()
    assert mark.at is not None
    await world.pass_time(10)
    assert [found.reason for found in world.bus.said.values()] == ["BusReset", "BuildFailed"]
    assert mark.at is None
    await world.pass_time(100, step=5)
    assert len(world.bus.said) == 2


async def test_a_reset_that_was_not_told_before_the_end_is_told_after_the_start(
    world, mark, service
):
    world.bus.trouble = TransientError("NATS is away")
    service.announce.wiped()
    restarted = Announce(
        world.declarations, world.bus, mark, world.clock, cluster="local", namespace="flux-system"
    )
    world.run(restarted.run())
    await world.pass_time(10)
    assert world.bus.said == {}
    world.bus.trouble = None
    await world.pass_time(10)
    assert [found.reason for found in world.bus.said.values()] == ["BusReset"]


async def test_an_event_goes_all_the_way(world, service, declare):
    declare(provider())
    declare(alert())
    world.run(service.run())
    await settle()
    world.bus.tell(event(timestamp=NOW), "e-1")
    await settle()
    assert len(world.channel.sent) == 1


async def test_failing_deliveries_show_at_the_provider_until_they_arrive(
    world, service, declare, conditions
):
    world.channel.answers = [TransientError("the provider could not be connected to")]
    declare(provider())
    declare(alert())
    world.run(service.run())
    await settle()
    world.bus.tell(event(), "e-1")
    await settle()
    assert conditions("Provider", "hook")["Ready"][:2] == ("False", "NotificationDispatchFailed")
    await world.pass_time(5)
    assert conditions("Provider", "hook")["Ready"][:2] == ("True", "Succeeded")


def test_nothing_is_kept_of_a_provider_that_is_gone(world):
    report = Report(
        world.catalog,
        world.declarations,
        world.clock,
        check_address=AddressPolicy().check_url,
        cross_namespace=True,
    )
    chat = ("apps", "chat")
    assert report.trouble(chat, "401 Unauthorized")
    assert not report.trouble(chat, "401 Unauthorized")
    report.forget(chat)
    assert report.trouble(chat, "401 Unauthorized")
