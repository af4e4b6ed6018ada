"""The id of a data directory."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import StalledError
from shared.kube import Holder


def test_the_same_directory_gives_the_same_id(tmp_path: Path) -> None:
    with Holder.open(tmp_path / "data") as first:
        pass
    with Holder.open(tmp_path / "data") as second:
        assert second.identity == first.identity


def test_directories_have_different_ids(tmp_path: Path) -> None:
    with Holder.open(tmp_path / "a") as first, Holder.open(tmp_path / "b") as second:
        assert first.identity != second.identity


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    with Holder.open(tmp_path), pytest.raises(StalledError, match="another process uses"):
        Holder.open(tmp_path)


def test_a_closed_holder_lets_the_next_one_in_and_may_be_closed_again(tmp_path: Path) -> None:
    holder = Holder.open(tmp_path)
    holder.close()
    with Holder.open(tmp_path):
        holder.close()
        with pytest.raises(StalledError):
            Holder.open(tmp_path)


@pytest.mark.parametrize("text", ["", "\n", "half-an-i", "\x00\x00\n", "a\nb\n"])
def test_a_torn_id_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "holder").write_text(text)
    with Holder.open(tmp_path) as holder:
        assert holder.identity not in text
        assert (tmp_path / "holder").read_text() == f"{holder.identity}\n"


def test_a_directory_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StalledError, match="data directory"):
        Holder.open(tmp_path / "file")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_an_id_that_is_no_file_is_told_and_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "holder")
    with pytest.raises(StalledError, match="holder cannot be"):
        Holder.open(tmp_path)


def test_the_report_names_the_id(tmp_path: Path) -> None:
    with Holder.open(tmp_path) as holder:
        assert repr(holder) == f"Holder({holder.identity})"
