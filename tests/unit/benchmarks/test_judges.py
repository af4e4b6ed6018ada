"""What the benchmarks call lost, late or wrong."""

from benchmarks.common.deliveries import judged
from benchmarks.common.edits import Edit
from benchmarks.common.told import Told
from benchmarks.drift import judge

IN_ORDER = {number: number for number in range(1, 10)}


def came(*numbers):
    return [(float(place), number) for place, number in enumerate(numbers)]


def test_everything_once_and_in_order_is_right():
    found = judged({1, 2, 3}, came(1, 2, 3), IN_ORDER)
    assert (found["lost"], found["twice"], found["not_wanted"], found["out_of_order"]) == (
        [],
        0,
        [],
        0,
    )


def test_what_did_not_come_is_lost_and_what_nobody_wanted_is_named():
    found = judged({1, 2}, came(1, 5), IN_ORDER)
    assert (found["lost"], found["not_wanted"]) == ([2], [5])


def test_a_second_delivery_counts_as_such_and_not_as_late():
    found = judged({1, 2}, came(1, 2, 1), IN_ORDER)
    assert (found["twice"], found["out_of_order"]) == (1, 0)


def test_an_event_that_comes_after_a_later_one_of_the_stream_is_out_of_order():
    assert judged({1, 2, 3}, came(1, 3, 2), IN_ORDER)["out_of_order"] == 1
    assert judged({1, 2, 3}, came(1, 3, 2), {1: 10, 3: 11, 2: 12})["out_of_order"] == 0


NAME = "ConfigMap/drift/one"
FIELDS = {"data.first": ("ours", "by hand")}
EDIT = Edit(name="edit", do=None, manager="kubectl-edit", fields=FIELDS)


def told(*, manager="kubectl-edit", fields=FIELDS):
    return Told(object=NAME, manager=manager, fields=fields, message="ConfigMap changed")


def test_an_event_that_says_what_was_done_is_right():
    found = judge({NAME: [EDIT]}, [told()])
    assert found["attributed_rightly"] == 1
    assert not any(found[key] for key in ("wrong", "wrong_fields", "not_told", "told_more"))


def test_a_wrong_path_a_wrong_value_and_a_field_too_many_are_wrong():
    for fields in (
        {"data.second": ("ours", "by hand")},
        {"data.first": ("ours", "other")},
        {"data.first": ("by hand", "ours")},
        {**FIELDS, "data.second": ("ours", None)},
        {},
    ):
        assert len(judge({NAME: [EDIT]}, [told(fields=fields)])["wrong_fields"]) == 1


def test_a_wrong_name_silence_and_a_second_event_are_told_apart():
    assert len(judge({NAME: [EDIT]}, [told(manager="somebody")])["wrong"]) == 1
    assert len(judge({NAME: [EDIT]}, [])["not_told"]) == 1
    assert len(judge({NAME: [EDIT]}, [told(), told()])["told_more"]) == 1
