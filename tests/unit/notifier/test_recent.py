"""What was read of an object a moment ago."""

from services.notifier.core.recent import Recent
from tests.unit.notifier.objects import event


def about(name):
    return event(involved={"name": name}).involved_object


def test_the_oldest_are_forgotten_when_there_are_too_many():
    recent = Recent(age=5, kept=2)
    for now, name in enumerate(("a", "b", "a", "c")):
        recent.put(about(name), name, now)
    assert [recent.get(about(name), 3) for name in "abc"] == ["a", None, "c"]


def test_the_age_counts_from_the_last_time_that_it_was_read():
    recent = Recent(age=5, kept=2)
    recent.put(about("a"), "first", 0)
    recent.put(about("a"), "second", 3)
    assert recent.get(about("a"), 8) == "second"
    assert recent.get(about("a"), 8.1) is None
