"""Outcomes, marks, suspects, streams and users: what the bus decides without a server."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus import Ack, Nak, Term, outcome_of
from shared.bus.outcome import growing
from shared.bus.streams import ALL, DECLARED_BY, FILE_STORE
from shared.bus.suspects import Suspects
from shared.bus.tally import Tally
from shared.bus.users import USERS, publish_subjects, server_config
from shared.bus.wipe import Watermarks
from shared.errors import MalformedError, StalledError, TransientError, WaitingError
from shared.messages import UnknownVersion


@pytest.mark.parametrize(
    ("error", "attempts", "outcome"),
    [
        (TransientError("x"), 1, Nak(0.5)),
        (TransientError("x"), 4, Nak(4.0)),
        (TransientError("x"), 10_000, Nak(300.0)),
        (TransientError("x", retry_after=7), 4, Nak(7)),
        (WaitingError("x"), 9, Nak(30.0)),
        (WaitingError("x", retry_after=3), 9, Nak(3)),
        (StalledError("x"), 1, Ack()),
        (MalformedError("bad"), 1, Term("bad")),
        (UnknownVersion("v2"), 1, Nak(600.0)),
        (UnknownVersion("v2"), 431, Nak(600.0)),
        (UnknownVersion("v2"), 432, Term("unknown version for three days: v2")),
        (ZeroDivisionError("hunter2"), 1, Nak(0.5)),
        (ZeroDivisionError("hunter2"), 4, Nak(4.0)),
        (ZeroDivisionError("hunter2"), 5, Term("the handler failed 5 times: ZeroDivisionError")),
    ],
)
def test_each_failure_has_its_answer(error, attempts, outcome) -> None:
    assert outcome_of(error, attempts) == outcome


def test_deliveries_that_ended_well_are_no_crashes() -> None:
    assert outcome_of(ZeroDivisionError(), 50, crashes=1) == Nak(300.0)


@given(st.integers(0, 10**9))
def test_a_delay_never_leaves_its_bounds(attempts) -> None:
    assert 0.5 <= growing(attempts) <= 300


def seen(marks: Watermarks, stream: str, created: str, sequence: int) -> bool:
    """An answer of the server with nothing between it and the question."""
    return marks.seen(stream, created, sequence, asked_at=marks.sequence(stream))


def test_a_stream_with_another_creation_time_was_wiped() -> None:
    marks = Watermarks()
    assert not seen(marks, "EVENTS", "monday", 5)
    assert not seen(marks, "EVENTS", "monday", 5)
    assert seen(marks, "EVENTS", "tuesday", 9)
    assert not seen(marks, "EVENTS", "tuesday", 9)


def test_a_stream_that_went_back_was_wiped() -> None:
    marks = Watermarks()
    seen(marks, "EVENTS", "monday", 5)
    marks.reached("EVENTS", 8)
    assert seen(marks, "EVENTS", "monday", 7)


def test_messages_that_came_while_the_server_was_asked_make_no_wipe() -> None:
    marks = Watermarks()
    assert not seen(marks, "EVENTS", "monday", 5)
    asked_at = marks.sequence("EVENTS")
    marks.reached("EVENTS", 8)
    assert not marks.seen("EVENTS", "monday", 6, asked_at=asked_at)
    assert marks.sequence("EVENTS") == 8
    assert seen(marks, "EVENTS", "monday", 7)


def test_a_stream_that_was_made_anew_while_the_server_was_asked_was_wiped() -> None:
    marks = Watermarks()
    seen(marks, "EVENTS", "monday", 5)
    asked_at = marks.sequence("EVENTS")
    marks.reached("EVENTS", 8)
    assert marks.seen("EVENTS", "tuesday", 6, asked_at=asked_at)
    assert marks.sequence("EVENTS") == 6


def test_marks_survive_the_process_and_a_damaged_file_is_like_none(tmp_path: Path) -> None:
    file = tmp_path / "state" / "streams.json"
    seen(Watermarks(file), "EVENTS", "monday", 5)
    assert seen(Watermarks(file), "EVENTS", "monday", 4)
    for junk in (b"", b"[]", b'{"EVENTS": 1}', b'{"EVENTS": {"created": "x"}}', b"\xff"):
        file.write_bytes(junk)
        assert not seen(Watermarks(file), "EVENTS", "monday", 1)


def test_a_wipe_that_was_not_told_before_a_crash_is_found_again(tmp_path: Path) -> None:
    file = tmp_path / "streams.json"
    seen(Watermarks(file), "EVENTS", "monday", 5)
    for _ in range(2):
        crashing = Watermarks(file)
        assert seen(crashing, "EVENTS", "tuesday", 1)
        assert not seen(crashing, "EVENTS", "tuesday", 2)
        assert not seen(crashing, "OTHER", "monday", 1)
    crashing.told("EVENTS")
    assert not seen(Watermarks(file), "EVENTS", "tuesday", 3)


def test_a_message_that_ends_the_process_again_and_again_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "suspects.json"
    counts = [Suspects(file).begin("m", attempts) for attempts in range(1, 8)]
    assert counts == [0, 0, 1, 2, 3, 4, 5]


def test_a_redelivery_that_ends_in_a_known_way_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "suspects.json"
    for attempts in range(2, 9):
        suspects = Suspects(file)
        assert suspects.begin("m", attempts) == 0
        suspects.ended("m")


def test_a_handling_that_we_broke_off_ourselves_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "suspects.json"
    counts = []
    for attempts in range(1, 7):
        suspects = Suspects(file)
        counts.append(suspects.begin("m", attempts))
        if attempts != 3:  # the process that had this one was killed
            suspects.broken_off("m", attempts)
    assert counts == [0, 0, 0, 1, 1, 1]


def test_failures_in_the_process_count_from_the_first(tmp_path: Path) -> None:
    suspects = Suspects(tmp_path / "suspects.json")
    counts = []
    for attempts in range(1, 6):
        suspects.begin("m", attempts)
        counts.append(suspects.crashed("m"))
    assert counts == [1, 2, 3, 4, 5]


def test_every_stream_is_declared_by_who_writes_it_and_two_declare_the_same() -> None:
    declared = {spec.name: spec for specs in DECLARED_BY.values() for spec in specs}
    assert declared == {spec.name: spec for spec in ALL}


def test_the_server_has_room_for_all_that_the_streams_reserve() -> None:
    config = json.loads(server_config(Path("/s"), {}, ports_dir=Path("/p")))
    assert config["jetstream"]["max_file_store"] == FILE_STORE
    assert sum(spec.max_bytes for spec in ALL) < FILE_STORE
    assert config["jetstream"]["sync_interval"] == "always"


def test_no_stream_drops_what_it_holds_to_make_room() -> None:
    assert {spec.config()["discard"] for spec in ALL} == {"new"}


def test_only_the_admin_may_do_everything() -> None:
    for user in USERS:
        wide = [subject for subject in publish_subjects(user) if subject in (">", "$JS.>")]
        assert wide == ([">"] if user == "admin" else [])
        if user != "admin":
            assert not any(
                subject.startswith(("$JS.API.>", "$JS.API.STREAM.>", "$JS.API.STREAM.DELETE"))
                for subject in publish_subjects(user)
            )


def test_each_user_hears_its_own_inbox_only() -> None:
    text = server_config(Path("/s"), dict.fromkeys(USERS, "p"), ports_dir=Path("/p"))
    users = {user["user"]: user for user in json.loads(text)["authorization"]["users"]}
    for name, user in users.items():
        want = [">"] if name == "admin" else [f"_INBOX.{name}.>"]
        assert user["permissions"]["subscribe"]["allow"] == want


def test_a_full_disk_costs_what_the_next_start_would_know_and_no_more(tmp_path: Path) -> None:
    for name in ("streams.json.new", "suspects.json.new"):
        (tmp_path / name).symlink_to("/dev/full")
    marks = Watermarks(tmp_path / "streams.json")
    assert not seen(marks, "EVENTS", "monday", 5)
    assert seen(marks, "EVENTS", "tuesday", 3)
    marks.told("EVENTS")
    suspects = Suspects(tmp_path / "suspects.json")
    assert [suspects.begin("m", attempts) for attempts in range(1, 4)] == [0, 0, 1]
    suspects.ended("m")


NO_FILE = [
    b"",
    b"junk",
    b"[" * 100_000,
    b"[1]",
    b'{"a": Infinity}',
    b'{"a": "many"}',
    b'{"a": {"created": 1, "sequence": 1e999}}',
    b'{"a": {"created": "monday"}}',
    b'{"a": "' + b"x" * 2_000_000 + b'"}',
    b"\xff\xfe",
    b"9" * 5000 + b" x",
]


@pytest.mark.parametrize("data", NO_FILE, ids=range(len(NO_FILE)))
def test_a_file_of_ours_that_somebody_changed_is_like_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert Suspects(path).begin("a", 1) == 0
    assert not seen(Watermarks(path), "a", "tuesday", 0)
    path.write_bytes(data)
    assert Tally(path).note is None


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in tmp_path.iterdir():
        assert Suspects(path).begin("a", 1) == 0
        assert not seen(Watermarks(path), "a", "tuesday", 0)
        assert Tally(path).note is None
