"""
`setpoint deadletters`: what nobody could deliver or read; send it again, or drop it.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import cluster, letterbox, place, tables
from cli.helping import Command
from cli.place import connects
from cli.tables import Output, Table
from shared.bus import Bus, NoStream, Received
from shared.errors import MalformedError, WaitingError
from shared.messages import DeadLetter, DeliveryOrder, decode, encode, payload_as, subjects

HEAD = ("ID", "FIRST SEEN", "PROVIDER", "ATTEMPTS", "SUBJECT", "REASON")
_LAST = 2**63 - 1  # the server refuses to look for a larger number
_TIMEOUT = 5.0  # seconds until a message that is sent again is on the disk

deadletters = typer.Typer(
    name="deadletters",
    help="Show, send again or drop messages that nobody could deliver or read.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID...]", help="Numbers from `list`.")]
_All = Annotated[bool, typer.Option("--all", help="All that there are.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    A dead letter and its number in the stream.
    """

    id: int
    letter: DeadLetter

    def row(self, *, wide: bool) -> tuple[str, ...]:
        """
        Return its cells.
        """
        clean = tables.one_line if wide else tables.short
        letter = self.letter
        moment = letter.first_seen.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        cells = (str(self.id), moment, letter.provider or "-", str(letter.attempts))
        return (*cells, clean(letter.subject), clean(letter.reason))

    def to_json(self) -> dict[str, object]:
        """
        Return the letter with its number, for programs.
        """
        return {"id": self.id, **self.letter.model_dump(mode="json")}


def list_letters(output: Output = "table") -> None:
    """
    List dead letters, oldest first.

    Example: setpoint deadletters list -o json
    """
    tables.checked(output)

    async def work() -> list[Kept]:
        async with letterbox.connected() as bus:
            return await _all(bus)

    found = cluster.plainly(work)
    if output in {"json", "yaml"}:
        tables.show_objects([one.to_json() for one in found], output)
    elif output == "name":
        for one in found:
            typer.echo(one.id)
    elif found:
        rows = tuple(one.row(wide=output == "wide") for one in found)
        tables.show(Table(head=HEAD, rows=rows))
    else:
        typer.echo("no dead letters", err=True)


def show(id_: Annotated[int, typer.Argument(metavar="ID", help="Number from `list`.")]) -> None:
    """
    Show one dead letter with the message that it holds.

    Example: setpoint deadletters show 7
    """

    async def work() -> Kept:
        async with letterbox.connected() as bus:
            return await _one(bus, id_)

    kept = cluster.plainly(work)
    facts = kept.to_json()
    facts["payload"] = readable(kept.letter)
    tables.show_document(facts, "json")


def replay(ids: _Ids = None, every: _All = False) -> None:  # noqa: FBT002 - a flag
    """
    Send messages again to where they came from; their time for retries begins anew.

    Examples: setpoint deadletters replay 7 8; setpoint deadletters replay --all
    """

    async def send(bus: Bus, kept: Kept) -> None:
        data = again(kept.letter, datetime.now(UTC))
        # The same id however often: one that was sent but not removed is sent once.
        await bus.publish_raw(kept.letter.subject, data, f"replay/{kept.id}", within=_TIMEOUT)
        await bus.remove(subjects.DEADLETTERS, kept.id)

    _each(ids or [], send, "sent again", every=every)


def drop(ids: _Ids = None, every: _All = False) -> None:  # noqa: FBT002 - a flag
    """
    Remove dead letters for good.

    Examples: setpoint deadletters drop 7 8; setpoint deadletters drop --all
    """

    async def remove(bus: Bus, kept: Kept) -> None:
        await bus.remove(subjects.DEADLETTERS, kept.id)

    _each(ids or [], remove, "dropped", every=every)


_COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_letters,
    "show": show,
    "replay": replay,
    "drop": drop,
}
for _name, _command in _COMMANDS.items():
    deadletters.command(_name, cls=Command)(connects(_command, bus=True))


def letter_of(received: Received) -> DeadLetter:
    """
    Read a letter; one that has another form stands for itself, so that it can be seen and dropped.
    """
    try:
        return payload_as(received.envelope, DeadLetter)
    except MalformedError as error:
        return DeadLetter.of(
            encode(received.envelope),
            subject=received.subject,
            reason=error.message,
            attempts=0,
            first_seen=received.envelope.time,
        )


def again(letter: DeadLetter, now: datetime) -> bytes:
    """
    Return the message to send: a delivery would be given up at once with its old age.

    Raises:
        MalformedError: The letter does not hold the whole message.

    """
    data = letter.original()
    if letter.subject.startswith("deadletters."):
        raise MalformedError(f"{letter.subject} holds no message that could be sent: drop it")
    if not letter.subject.startswith("deliveries."):
        return data
    envelope = decode(data)
    order = payload_as(envelope, DeliveryOrder).model_copy(update={"accepted": now})
    return encode(envelope.model_copy(update={"payload": order.model_dump(mode="json")}))


def readable(letter: DeadLetter) -> object:
    """
    Return the message as JSON where it is JSON, else its text.
    """
    try:
        return json.loads(letter.original())
    except (MalformedError, ValueError):
        return letter.payload


def _each(
    ids: Sequence[int], act: Callable[[Bus, Kept], Awaitable[None]], done: str, *, every: bool
) -> None:
    if bool(ids) == every:
        raise typer.BadParameter("name dead letters by their numbers, or all of them by --all")

    async def work() -> None:
        async with letterbox.connected() as bus:
            letters = await _all(bus) if every else [await _one(bus, one) for one in ids]
            for kept in letters:
                await act(bus, kept)
                typer.echo(f"✔ {kept.id} {done}: {kept.letter.subject}")
            if not letters:
                typer.echo("no dead letters", err=True)

    cluster.plainly(work)


async def _all(bus: Bus) -> list[Kept]:
    try:
        return [one async for one in _read(bus)]
    except NoStream:
        return []


async def _one(bus: Bus, id_: int) -> Kept:
    try:
        async for kept in _read(bus, after=max(0, min(id_, _LAST) - 1)):
            if kept.id == id_:
                return kept
            break
    except NoStream:
        pass
    raise WaitingError(f"there is no dead letter {id_}: `setpoint deadletters list` shows them")


async def _read(bus: Bus, *, after: int = 0) -> AsyncIterator[Kept]:
    async for received in bus.read(
        subjects.DEADLETTERS, f"deadletters.{place.cluster() or '*'}.>", after=after
    ):
        yield Kept(id=received.stream_sequence, letter=letter_of(received))
