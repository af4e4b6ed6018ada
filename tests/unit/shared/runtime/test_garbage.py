"""
A collection that held up the loop does not do so again for what it left.
"""

import gc
from collections.abc import Iterator

import pytest

from shared.runtime.garbage import LONG, WHOLE, Garbage, spare_the_loop


class Heap:
    """A collector whose collections take as long as a test says."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.seconds = 0.0
        self.garbage = Garbage(self, now=lambda: self.seconds)

    def freeze(self) -> None:
        self.done.append("freeze")

    def unfreeze(self) -> None:
        self.done.append("unfreeze")

    def collect(self, seconds: float, *, generation: int = 2) -> None:
        self.garbage.heard("start", {"generation": generation})
        self.seconds += seconds
        self.garbage.heard("stop", {"generation": generation, "collected": 0, "uncollectable": 0})


@pytest.fixture
def heap() -> Heap:
    return Heap()


def test_what_a_long_full_collection_left_is_left_out_of_the_next(heap: Heap) -> None:
    heap.collect(LONG * 2)
    assert heap.done == ["freeze"]


def test_a_short_one_changes_nothing(heap: Heap) -> None:
    heap.collect(LONG / 2)
    assert heap.done == []


def test_one_of_the_young_objects_changes_nothing_however_long_it_took(heap: Heap) -> None:
    heap.collect(LONG * 2, generation=1)
    assert heap.done == []


def test_a_short_one_that_had_a_long_one_of_young_objects_before_it_is_short(heap: Heap) -> None:
    heap.collect(LONG / 2)
    heap.collect(LONG * 2, generation=0)
    heap.collect(LONG / 2)
    assert heap.done == []


def test_all_is_looked_at_again_after_an_hour(heap: Heap) -> None:
    heap.collect(LONG * 2)
    heap.seconds += WHOLE
    heap.collect(LONG / 2)
    assert heap.done == ["freeze", "unfreeze"]
    heap.collect(LONG * 2)
    assert heap.done == ["freeze", "unfreeze", "freeze"]
    heap.collect(LONG / 2)
    assert heap.done == ["freeze", "unfreeze", "freeze"]


@pytest.fixture
def spared() -> Iterator[None]:
    before = list(gc.callbacks)
    spare_the_loop()
    yield
    gc.callbacks[:] = before
    gc.unfreeze()


@pytest.mark.usefixtures("spared")
def test_the_real_collector_leaves_out_what_there_was_and_what_a_long_one_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = gc.get_freeze_count()
    assert there > 0
    kept = [[] for _ in range(10_000)]
    monkeypatch.setattr("shared.runtime.garbage.LONG", -1.0)
    gc.collect()
    assert gc.get_freeze_count() >= there + len(kept)
