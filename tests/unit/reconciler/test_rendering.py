"""
When a render can be used again: nothing that it looked at is different.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.rendering import Index, Looked, RenderFailed, reusable
from shared.errors import WaitingError


def looked(
    *, files: set[str] | None = None, directories: set[str] | None = None,
    absent: set[str] | None = None,
) -> Looked:  # fmt: skip
    return Looked(
        files=frozenset(files or ()),
        directories=frozenset(directories or ()),
        absent=frozenset(absent or ()),
    )


BEFORE = {"app/a.yaml": "1", "app/sub/b.yaml": "2", "root.yaml": "3"}


@pytest.mark.parametrize(
    ("seen", "after", "same"),
    [
        (looked(files={"app/a.yaml"}), {**BEFORE, "root.yaml": "9"}, True),
        (looked(files={"app/a.yaml"}), {**BEFORE, "app/a.yaml": "9"}, False),
        (looked(files={"root.yaml"}), {"app/a.yaml": "1"}, False),
        (looked(absent={"app/kustomization.yaml"}), {**BEFORE, "app/c.yaml": "4"}, True),
        (looked(absent={"app/c.yaml"}), {**BEFORE, "app/c.yaml": "4"}, False),
        (looked(absent={"app/c"}), {**BEFORE, "app/c/d.yaml": "4"}, False),
        (looked(directories={"app"}), {**BEFORE, "app/a.yaml": "9"}, True),
        (looked(directories={"app"}), {**BEFORE, "app/new.yaml": "4"}, False),
        (looked(directories={"app"}), {**BEFORE, "app/new/x.yaml": "4"}, False),
        (looked(directories={"app"}), {**BEFORE, "app/sub/x.yaml": "4"}, True),
        (looked(directories={"app"}), {"app/a.yaml": "1", "root.yaml": "3"}, False),
        (looked(directories={""}), {**BEFORE, "new.yaml": "4"}, False),
        (looked(directories={""}), {**BEFORE, "app/new.yaml": "4"}, True),
        (looked(directories={"app/sub"}), {"app/a.yaml": "1", "root.yaml": "3"}, False),
        (looked(), {}, True),
    ],
)
def test_a_render_is_used_again_if_all_it_saw_is_the_same(
    seen: Looked, after: dict[str, str], *, same: bool
) -> None:
    assert reusable(seen, Index.of(BEFORE), Index.of(after)) is same


def test_an_equal_tree_needs_no_comparison() -> None:
    assert reusable(
        looked(files={"x"}, directories={"y"}), Index.of(BEFORE), Index.of(dict(BEFORE))
    )


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


def possible(tree: dict[str, str]) -> bool:
    """No path is a file and a directory at once."""
    return not any(other.startswith(f"{path}/") for path in tree for other in tree)


trees = st.dictionaries(paths, st.sampled_from("12"), max_size=6).filter(possible)


@given(before=trees, after=trees)
def test_whoever_saw_everything_accepts_only_the_same_tree(
    before: dict[str, str], after: dict[str, str]
) -> None:
    folders = {path[:end] for path in before for end in range(len(path)) if path[end] == "/"}
    seen = looked(files=set(before), directories=folders | {""})
    assert reusable(seen, Index.of(before), Index.of(after)) is (before == after)


def test_a_failed_render_is_tried_again_and_has_the_apis_reason() -> None:
    failed = RenderFailed("limit", "too large")
    assert isinstance(failed, WaitingError)
    assert (failed.kind, failed.reason, str(failed)) == ("limit", "BuildFailed", "too large")
