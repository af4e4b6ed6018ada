"""The folder of a running system and its files."""

import shlex

import pytest

from cli.up.errors import UpError
from cli.up.state import State


@pytest.fixture
def state(tmp_path):
    found = State.beside(tmp_path)
    yield found
    found.release()


def test_the_folder_is_beside_what_the_setting_names(tmp_path):
    assert State.find({"SETPOINT_HOME": str(tmp_path)}).root == tmp_path / ".setpoint"
    assert (State.find({}).root.parent / "pyproject.toml").is_file()


def test_one_process_at_a_time_holds_it(state, tmp_path):
    state.hold()
    other = State.beside(tmp_path)
    with pytest.raises(UpError, match="already up"):
        other.hold()
    assert not other.freed(0)
    state.release()
    assert other.freed(0)
    other.hold()
    other.release()


def test_only_the_owner_reads_it_and_an_old_env_goes(state):
    state.hold()
    state.write_env({"A": "b"})
    state.release()
    assert not state.env.exists()
    state.write_env({"A": "b"})
    state.hold()
    assert not state.env.exists()
    assert state.root.stat().st_mode & 0o077 == 0


def test_env_is_quoted_for_a_shell_and_whole(state):
    state.hold()
    values = {"PLAIN": "a", "ODD": "it's $HOME `x`"}
    state.write_env(values)
    text = state.env.read_text()
    assert text.splitlines()[0] == "PLAIN='a'"
    pairs = (line.split("=", 1) for line in shlex.split(text))
    assert dict(pairs) == values
    assert state.env.stat().st_mode & 0o077 == 0


def test_a_token_is_made_once(state):
    state.hold()
    token = state.token("receiver")
    assert len(token) == 48
    assert state.token("receiver") == token
    assert (state.root / "receiver-token").stat().st_mode & 0o077 == 0


def test_a_foreign_cluster_is_remembered_until_one_of_our_own_comes(state):
    state.hold()
    assert state.foreign == ""
    state.keep_foreign("kind at https://127.0.0.1:1")
    assert state.foreign == "kind at https://127.0.0.1:1"
    state.keep_foreign("")
    assert state.foreign == ""


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe", b"\x1b[2J", b"x" * 2_000_000])
def test_what_somebody_wrote_over_a_token_is_none(state, data):
    state.hold()
    (state.root / "receiver-token").write_bytes(data)
    token = state.token("receiver")
    assert len(token) == 48
    assert state.token("receiver") == token


@pytest.mark.parametrize("data", [b"\xff\xfe", b"9" * 5000, b"-1", b"1 2"])
def test_whoever_holds_the_lock_is_nobody_by_name_if_the_file_was_changed(state, tmp_path, data):
    state.hold()
    (state.root / "lock").write_bytes(data)
    other = State.beside(tmp_path)
    with pytest.raises(UpError, match="already up"):
        other.hold()
    assert not other.freed(0)


def test_a_foreign_cluster_that_somebody_changed_is_shown_harmless(state):
    state.hold()
    (state.root / "foreign-cluster").write_bytes(b"kind\xff\x1b[2J at https://127.0.0.1:1\n")
    assert state.foreign.isprintable()
    assert state.foreign.endswith("at https://127.0.0.1:1")
