from datetime import UTC, datetime

import pytest

from shared.bus.delivery import Delivery
from shared.bus.waiting import Message

SHORT = "$JS.ACK.EVENTS.notifier.3.41.17.1767323045678900000.5"
LONG = "$JS.ACK._.AbCdEf.EVENTS.notifier.3.41.17.1767323045678900000.5.xYz"


@pytest.mark.parametrize("reply", [SHORT, LONG, LONG.rpartition(".")[0]])
def test_both_forms_of_an_address_say_the_same(reply) -> None:
    found = Delivery.of(Message(subject="events.x", reply=reply, data=b""))
    assert (found.stream, found.consumer, found.attempts, found.sequence) == (
        "EVENTS",
        "notifier",
        3,
        41,
    )
    assert found.time.replace(microsecond=0) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_status_of_an_answer_is_taken_out_of_its_headers() -> None:
    found = Message.of("i", "", b"", {"Status": "404", "Description": "No Messages"})
    assert (found.status, found.description) == (404, "No Messages")
    assert Message.of("i", "", b"x", {"Status": "junk"}).status == 0
