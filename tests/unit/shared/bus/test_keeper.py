"""
What the server says of a stream is held against what was known when it was asked.
"""

from shared.bus.keeper import Keeper
from shared.bus.wipe import Watermarks


class Server:
    """Answers with the state of its stream, while messages come in beside the answer."""

    def __init__(self) -> None:
        self.last = 5
        self.beside = lambda: None

    async def call(self, _: str) -> dict[str, object]:
        self.beside()
        return {"created": "monday", "state": {"last_seq": self.last}}


async def test_messages_that_overtake_the_answer_are_no_sign_of_a_wipe() -> None:
    server, marks = Server(), Watermarks()
    keeper = Keeper(server, marks)
    await keeper.watch("EVENTS")
    server.beside = lambda: keeper.reached("EVENTS", 8)
    await keeper.watch("EVENTS")
    assert keeper._wiped == []
    assert marks.sequence("EVENTS") == 8


async def test_a_stream_that_holds_less_than_before_the_question_was_wiped() -> None:
    server = Server()
    keeper = Keeper(server, Watermarks())
    await keeper.watch("EVENTS")
    server.last = 4
    await keeper.watch("EVENTS")
    assert keeper._wiped == ["EVENTS"]
