"""The outbox loses nothing that it accepted, wherever the process or the machine stops."""

import asyncio
import os
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.bus import Outbox
from shared.bus.outbox import BATCH, Entry
from shared.errors import TransientError


def entry(number: int) -> Entry:
    return Entry(
        subject=f"events.local.{number}", id=str(number), data=b'{"n":"%d \xc3\xa9"}' % number
    )


class Sink:
    """
    Takes entries; refuses after a number of them.
    """

    def __init__(self, room: int = 1000) -> None:
        self.taken: list[Entry] = []
        self._room = room

    async def __call__(self, entry: Entry) -> None:
        if len(self.taken) >= self._room:
            raise TransientError("no more")
        self.taken.append(entry)


async def filled(path: Path, count: int) -> Outbox:
    outbox = Outbox(path)
    for number in range(count):
        assert await outbox.append(entry(number))
    return outbox


async def offer(outbox: Outbox, item: Entry) -> bool:
    """
    Give an entry that nobody else takes.
    """
    taken = await outbox.append(item)
    if not taken:
        outbox.refuse(item)
    return taken


async def test_entries_leave_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 5)
    sink = Sink()
    assert await outbox.drain(sink) == 5
    assert sink.taken == [entry(number) for number in range(5)]
    assert outbox.empty
    assert (tmp_path / "outbox").stat().st_size == 0


async def test_another_process_sends_what_the_first_one_accepted(tmp_path: Path) -> None:
    await filled(tmp_path / "outbox", 3)
    sink = Sink()
    await Outbox(tmp_path / "outbox").drain(sink)
    assert sink.taken == [entry(number) for number in range(3)]


async def test_what_was_not_taken_stays_and_what_was_taken_does_not_come_again(
    tmp_path: Path,
) -> None:
    outbox = await filled(tmp_path / "outbox", 4)
    first = Sink(room=2)
    with pytest.raises(TransientError):
        await outbox.drain(first)
    assert first.taken == [entry(0), entry(1)]
    second = Sink()
    await Outbox(tmp_path / "outbox").drain(second)
    assert second.taken == [entry(2), entry(3)]


async def test_a_kill_between_sending_and_remembering_sends_again_with_the_same_id(
    tmp_path: Path,
) -> None:
    outbox = await filled(tmp_path / "outbox", 2)
    taken: list[str] = []

    async def killed(item: Entry) -> None:
        taken.append(item.id)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await outbox.drain(killed)
    sink = Sink()
    await Outbox(tmp_path / "outbox").drain(sink)
    assert taken == ["0"]
    assert [item.id for item in sink.taken] == ["0", "1"]


async def test_a_file_cut_at_any_byte_gives_back_every_whole_line_and_takes_new_ones(
    tmp_path: Path,
) -> None:
    await filled(tmp_path / "outbox", 3)
    data = (tmp_path / "outbox").read_bytes()
    ends = [at + 1 for at, byte in enumerate(data) if byte == 0x0A]
    for cut in range(len(data) + 1):
        path = tmp_path / f"cut{cut}"
        path.write_bytes(data[:cut])
        outbox = Outbox(path)
        assert await outbox.append(entry(99))
        whole = sum(1 for end in ends if end <= cut)
        for again in (outbox, Outbox(path)):
            assert again.size == path.stat().st_size
        sink = Sink()
        await Outbox(path).drain(sink)
        assert sink.taken == [*(entry(number) for number in range(whole)), entry(99)]


async def test_the_note_of_what_was_sent_cut_at_any_byte_hides_no_line(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 3)
    with pytest.raises(TransientError):
        await outbox.drain(Sink(room=2))
    note = (tmp_path / "outbox.done").read_bytes()
    for cut in range(len(note) + 1):
        (tmp_path / "outbox.done").write_bytes(note[:cut])
        sink = Sink(room=0)
        left = Outbox(tmp_path / "outbox")
        with pytest.raises(TransientError):
            await left.drain(sink)
        whole = Sink()
        copy = tmp_path / "copy"
        copy.write_bytes((tmp_path / "outbox").read_bytes())
        (tmp_path / "copy.done").write_bytes(note[:cut])
        await Outbox(copy).drain(whole)
        assert whole.taken[-1] == entry(2)
        assert len(whole.taken) == (1 if cut == len(note) else 3)


async def test_a_note_that_outlived_its_file_hides_nothing_of_the_next_one(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 3)
    with pytest.raises(TransientError):
        await outbox.drain(Sink(room=2))
    note = (tmp_path / "outbox.done").read_bytes()
    await outbox.drain(Sink())
    for number in range(5, 8):
        await outbox.append(entry(number))
    (tmp_path / "outbox.done").write_bytes(note)
    sink = Sink()
    await Outbox(tmp_path / "outbox").drain(sink)
    assert sink.taken == [entry(5), entry(6), entry(7)]


@settings(max_examples=30, deadline=None)
@given(at=st.integers(0, 400), junk=st.binary(min_size=1, max_size=5))
def test_damage_in_one_line_costs_at_most_the_lines_that_it_touches(
    tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes
) -> None:
    async def run() -> None:
        path = tmp_path_factory.mktemp("outbox") / "outbox"
        await filled(path, 6)
        data = path.read_bytes()
        path.write_bytes((data[:at] + junk + data[at + len(junk) :])[: len(data)])
        sink = Sink()
        await Outbox(path).drain(sink)
        good = [entry(number) for number in range(6)]
        assert all(item in good for item in sink.taken)
        assert len(sink.taken) >= 4
        assert sink.taken == sorted(sink.taken, key=lambda item: int(item.id))

    asyncio.run(run())


async def test_a_full_outbox_refuses_and_counts_and_takes_again_when_it_was_emptied(
    tmp_path: Path,
) -> None:
    outbox = Outbox(tmp_path / "outbox", limit=200)
    taken = [await offer(outbox, entry(number)) for number in range(5)]
    assert taken == [True, True, True, False, False]
    assert outbox.refused == 2
    sink = Sink()
    await outbox.drain(sink)
    assert len(sink.taken) == 3
    assert await outbox.append(entry(9))


async def test_a_cancelled_append_spoils_no_later_line(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 1)
    task = asyncio.create_task(outbox.append(entry(1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert await outbox.append(entry(2))
    sink = Sink()
    await Outbox(tmp_path / "outbox").drain(sink)
    assert [item.id for item in sink.taken if item.id != "1"] == ["0", "2"]


async def test_appending_while_draining_keeps_the_order(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 2)
    taken: list[str] = []

    async def send(item: Entry) -> None:
        taken.append(item.id)
        if item.id == "0":
            await outbox.append(entry(2))

    await outbox.drain(send)
    assert taken == ["0", "1", "2"]


async def test_many_entries_are_remembered_as_sent_by_few_writes(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 200)
    notes: set[bytes] = set()

    async def send(_: Entry) -> None:
        if (tmp_path / "outbox.done").exists():
            notes.add((tmp_path / "outbox.done").read_bytes())

    assert await outbox.drain(send) == 200
    assert len(notes) < 10


async def test_entries_of_any_size_leave_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    sizes = [10, BATCH, 10, 10, BATCH // 2, BATCH // 2, 3 * BATCH, 10]
    entries = [
        Entry(subject="events.local", id=str(number), data=b"x" * size)
        for number, size in enumerate(sizes)
    ]
    for one in entries:
        assert await outbox.append(one)
    sink = Sink()
    assert await outbox.drain(sink) == len(entries)
    assert sink.taken == entries


async def test_what_was_sent_of_a_batch_that_fails_does_not_come_again(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 100)
    sink = Sink(room=70)
    with pytest.raises(TransientError):
        await outbox.drain(sink)
    rest = Sink()
    await Outbox(tmp_path / "outbox").drain(rest)
    assert [one.id for one in sink.taken + rest.taken] == [str(number) for number in range(100)]


async def test_a_removal_while_entries_are_sent_hides_nothing_that_comes_after_it(
    tmp_path: Path,
) -> None:
    outbox = await filled(tmp_path / "outbox", 3)
    taken: list[str] = []

    async def send(item: Entry) -> None:
        taken.append(item.id)
        if item.id == "1":
            (tmp_path / "outbox").unlink()
            await outbox.append(entry(7))

    await outbox.drain(send)
    assert "7" in taken
    assert outbox.empty


async def test_an_outbox_cut_short_loses_what_was_cut_and_takes_new_entries(
    tmp_path: Path,
) -> None:
    outbox = await filled(tmp_path / "outbox", 3)
    (tmp_path / "outbox").write_bytes(b"")
    sink = Sink()
    async with asyncio.timeout(5):
        assert await outbox.drain(sink) == 0
    await outbox.append(entry(7))
    await outbox.drain(sink)
    assert sink.taken == [entry(7)]


def test_it_says_what_it_is(tmp_path: Path) -> None:
    assert repr(Outbox(tmp_path / "outbox")) == "<Outbox outbox 0 of 67108864 bytes wait>"


def fill_the_disk(path: Path) -> None:
    """Let every write to this file fail as on a full disk."""
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/full")


async def test_on_a_full_disk_an_event_is_refused_and_nothing_breaks(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    fill_the_disk(tmp_path / "outbox")
    assert not await offer(outbox, entry(0))
    assert (outbox.refused, outbox.empty) == (1, True)
    (tmp_path / "outbox").unlink()
    assert await outbox.append(entry(1))
    sink = Sink()
    await outbox.drain(sink)
    assert sink.taken == [entry(1)]


async def test_on_a_full_disk_what_waits_is_sent_once_by_this_process(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 3)
    fill_the_disk(tmp_path / "outbox.done.new")
    sink = Sink()
    assert await outbox.drain(sink) == 3
    assert await outbox.drain(sink) == 0
    assert sink.taken == [entry(number) for number in range(3)]


async def test_an_outbox_that_cannot_be_emptied_sends_only_what_is_new(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 2)
    (tmp_path / "outbox.done").mkdir()  # no file can be removed under this name
    sink = Sink()
    await outbox.drain(sink)
    assert outbox.empty
    await outbox.append(entry(2))
    await outbox.drain(sink)
    assert sink.taken == [entry(number) for number in range(3)]


async def test_a_removed_outbox_takes_what_waited_with_it_and_nothing_else(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 2)
    (tmp_path / "outbox").unlink()
    sink = Sink()
    assert await outbox.drain(sink) == 0
    await outbox.append(entry(2))
    (tmp_path / "outbox").unlink()
    await outbox.append(entry(3))
    assert await outbox.drain(sink) == 1
    assert sink.taken == [entry(3)]


async def test_what_was_refused_is_counted_over_restarts_until_it_was_told(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "outbox", limit=10)
    assert first.note is None
    await offer(first, entry(1))
    await offer(first, entry(2))
    again = Outbox(tmp_path / "outbox", limit=10)
    note = again.note
    assert note == first.note
    assert note is not None
    assert note.count == 2
    await offer(again, entry(3))
    again.told(note)
    left = Outbox(tmp_path / "outbox").note
    assert left is not None
    assert left.count == 1
    assert left.occurrence != note.occurrence
    again.told(left)
    assert Outbox(tmp_path / "outbox").note is None


@pytest.mark.parametrize("damage", [b"", b"x", b"-3 a", b"3", b"\xff 2"])
async def test_a_damaged_count_of_refused_events_is_like_none(
    tmp_path: Path, damage: bytes
) -> None:
    (tmp_path / "outbox.refused").write_bytes(damage)
    assert Outbox(tmp_path / "outbox").note is None


def line(text: str) -> bytes:
    """A line that is whole, whatever it says."""
    return b"%08x %s\n" % (zlib.crc32(text.encode()), text.encode())


POISON = {
    "no JSON": "{",
    "another form": '{"subject": "events.local.0"}',
    "two words": '["events.local.0", "0"]',
    "numbers": "[1, 2, 3]",
    "nested": "[" * 100_000,
    "half a character": r'["events.local.0", "0", "\ud800"]',
    "no id": '["events.local.0", "", "{}"]',
    "an id that is a header": r'["events.local.0", "0\r\nNats-Rollup: all", "{}"]',
    "a subject of two words": '["events.local.0 x", "0", "{}"]',
    "a subject with a wildcard": '["events.>", "0", "{}"]',
    "a subject of nobody": '["nowhere.0", "0", "{}"]',
    "no subject": '["", "0", "{}"]',
}


@pytest.mark.parametrize("text", POISON.values(), ids=POISON)
async def test_a_whole_line_that_is_none_of_ours_is_passed_over(tmp_path: Path, text: str) -> None:
    await filled(tmp_path / "outbox", 1)
    with (tmp_path / "outbox").open("ab") as file:
        file.write(line(text))
    outbox = Outbox(tmp_path / "outbox")
    assert await outbox.append(entry(1))
    sink = Sink()
    await outbox.drain(sink)
    assert sink.taken == [entry(0), entry(1)]
    assert outbox.empty


async def test_a_file_far_over_the_limit_is_read_in_parts_and_its_good_lines_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 1024 * 1024
    monkeypatch.setattr("shared.bus.outbox.LIMIT", limit)
    await filled(tmp_path / "outbox", 2)
    good = (tmp_path / "outbox").read_bytes()
    with (tmp_path / "outbox").open("wb") as file:
        file.truncate(16 * limit)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + good)
    sink = Sink()
    tracemalloc.start()
    try:
        await Outbox(tmp_path / "outbox").drain(sink)
        assert tracemalloc.get_traced_memory()[1] < 4 * limit
    finally:
        tracemalloc.stop()
    assert sink.taken == [entry(0), entry(1)]


async def test_a_file_that_is_cut_under_a_living_process_ends_the_sending(tmp_path: Path) -> None:
    outbox = await filled(tmp_path / "outbox", 3)
    os.truncate(tmp_path / "outbox", 10)
    sink = Sink()
    async with asyncio.timeout(10):
        assert await outbox.drain(sink) == 0
    assert outbox.empty
    assert await outbox.append(entry(3))
    assert await outbox.drain(sink) == 1
    assert sink.taken == [entry(3)]


async def test_what_is_no_file_takes_nothing_and_ends_nothing(tmp_path: Path) -> None:
    for name, make in (("pipe", os.mkfifo), ("folder", os.mkdir)):
        make(tmp_path / name)
        async with asyncio.timeout(10):
            outbox = Outbox(tmp_path / name)
            assert not await outbox.append(entry(0))
        assert outbox.empty
