import pytest

from services.reconciler.core.options import DEFAULT, ObjectOptions, Ssa, effective, options_of

P = "kustomize.toolkit.fluxcd.io/"


def stated(name, value, place="annotations"):
    return options_of({"metadata": {place: {P + name: value, "other": "x"}}})


@pytest.mark.parametrize("place", ["labels", "annotations"])
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("reconcile", "DISABLED", ObjectOptions(reconcile=False)),
        ("ssa", "merge", ObjectOptions(ssa=Ssa.MERGE)),
        ("ssa", "ifnotpresent", ObjectOptions(ssa=Ssa.IF_NOT_PRESENT)),
        ("ssa", "Ignore", ObjectOptions(ssa=Ssa.IGNORE)),
        ("force", "Enabled", ObjectOptions(force=True)),
        ("prune", "Disabled", ObjectOptions(prune=False)),
        ("substitute", "disabled", ObjectOptions(substitute=False)),
        ("substitute", "Disabled", DEFAULT),
        ("ssa", "unknown", DEFAULT),
        ("reconcile", "enabled", DEFAULT),
    ],
)
def test_options_are_read_from_labels_and_annotations(place, name, value, expected):
    assert stated(name, value, place) == expected


def test_objects_that_say_nothing_share_one_value():
    assert options_of({}) is DEFAULT
    assert options_of({"metadata": {"labels": None, "annotations": {"a": "b"}}}) is DEFAULT
    assert stated("name", "apps", "labels") is DEFAULT


def test_ignoring_counts_in_either_copy():
    off = ObjectOptions(reconcile=False)
    assert effective(off, DEFAULT).ignored
    assert effective(DEFAULT, off).ignored
    assert effective(DEFAULT, ObjectOptions(ssa=Ssa.IGNORE)).ignored
    assert not effective(DEFAULT, DEFAULT).ignored


def test_if_not_present_counts_in_git_only():
    there = ObjectOptions(ssa=Ssa.IF_NOT_PRESENT)
    assert effective(there, DEFAULT).ssa is Ssa.IF_NOT_PRESENT
    assert effective(DEFAULT, there).ssa is Ssa.OVERRIDE


def test_merge_and_force_count_in_either_copy():
    assert effective(DEFAULT, ObjectOptions(ssa=Ssa.MERGE)).ssa is Ssa.MERGE
    assert effective(ObjectOptions(ssa=Ssa.MERGE), DEFAULT).ssa is Ssa.MERGE
    assert effective(DEFAULT, ObjectOptions(force=True)).force
    assert effective(ObjectOptions(force=True), DEFAULT).force


def test_prune_counts_in_the_live_copy_only():
    kept = ObjectOptions(prune=False)
    assert not effective(DEFAULT, kept).prune
    assert effective(kept, DEFAULT).prune


def test_without_a_live_copy_git_alone_counts():
    assert effective(ObjectOptions(force=True), None) == ObjectOptions(force=True)
