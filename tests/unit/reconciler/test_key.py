"""The key of the digests of Secrets, as the data directory keeps it."""

import os

import pytest

from services.reconciler.wiring import _secret_key


def test_a_key_is_made_once(tmp_path):
    key = _secret_key(tmp_path)
    assert _secret_key(tmp_path) == key
    assert (tmp_path / "digest-key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("size", [0, 31, 33, 2**40])
def test_a_key_of_another_length_is_replaced(tmp_path, size):
    with (tmp_path / "digest-key").open("wb") as file:
        file.truncate(size)  # sparse: it takes no room
    key = _secret_key(tmp_path)
    assert len(key) == 32
    assert _secret_key(tmp_path) == key


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "digest-key")
    key = _secret_key(tmp_path)
    assert _secret_key(tmp_path) == key
