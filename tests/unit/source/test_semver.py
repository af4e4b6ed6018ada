"""Version constraints as the field writes them."""

import pytest

from services.source.core.semver import Constraint, Version
from shared.errors import StalledError


def accepts(constraint, version):
    found = Version.parse(version)
    assert found is not None
    return Constraint.parse(constraint).accepts(found)


@pytest.mark.parametrize(
    ("constraint", "inside", "outside"),
    [
        ("1.2.3", ["1.2.3", "v1.2.3", "1.2.3+build"], ["1.2.4", "1.2.3-rc.1"]),
        ("=1.2.3", ["1.2.3"], ["1.2.2"]),
        ("1.2", ["1.2.0", "1.2.9"], ["1.3.0", "1.1.9"]),
        ("1.x", ["1.0.0", "1.99.0"], ["2.0.0", "0.9.0"]),
        ("1.X.x", ["1.0.0"], ["2.0.0"]),
        ("*", ["0.0.1", "9.9.9"], ["1.0.0-rc.1"]),
        ("x", ["0.0.1"], []),
        (">=1.0 <2.0", ["1.0.0", "1.9.9"], ["2.0.0", "0.9.9", "2.0.0-rc.1"]),
        (">=1.0, <2.0", ["1.5.0"], ["2.0.0"]),
        (">= 1.0 < 2.0", ["1.5.0"], ["2.0.0"]),
        ("=>1.0 =<2.0", ["1.0.0", "2.0.9"], ["2.1.0"]),
        (">1", ["2.0.0"], ["1.0.0", "1.9.9"]),
        (">1.2", ["1.3.0"], ["1.2.9"]),
        (">1.2.3", ["1.2.4"], ["1.2.3"]),
        ("<1.2", ["1.1.9"], ["1.2.0"]),
        ("<=1.2", ["1.2.9"], ["1.3.0"]),
        ("<=1.2.3", ["1.2.3"], ["1.2.4"]),
        ("!=1.2.3", ["1.2.4"], ["1.2.3"]),
        ("!=1.2", ["1.3.0"], ["1.2.5"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2"]),
        ("~1.2", ["1.2.0"], ["1.3.0"]),
        ("~1", ["1.0.0", "1.9.0"], ["2.0.0"]),
        ("~>1.2.3", ["1.2.9"], ["1.3.0"]),
        ("^1.2.3", ["1.2.3", "1.9.0"], ["2.0.0", "1.2.2"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0.0", ["0.0.9"], ["0.1.0"]),
        ("^0", ["0.9.0"], ["1.0.0"]),
        ("1.2 - 1.4.5", ["1.2.0", "1.4.5"], ["1.4.6", "1.1.9"]),
        ("1.2 - 1.4", ["1.4.9"], ["1.5.0"]),
        ("<1.0 || >=2.0", ["0.5.0", "2.5.0"], ["1.5.0"]),
        ("v1.2.x", ["1.2.7"], ["1.3.0"]),
        (">=1.0.0-0", ["1.0.0-alpha", "1.0.0", "2.0.0-rc.1"], ["0.9.0"]),
        (">=1.0.0-0 <2.0.0", ["1.5.0-rc.1"], ["2.0.0"]),
        ("^1.0.0-beta", ["1.0.0-beta.2", "1.4.0"], ["1.0.0-alpha", "2.0.0-rc.1"]),
    ],
)
def test_a_constraint_means_what_the_field_means(constraint, inside, outside):
    assert [v for v in inside if not accepts(constraint, v)] == []
    assert [v for v in outside if accepts(constraint, v)] == []


def test_versions_are_ordered_by_number_and_a_pre_release_comes_first():
    order = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11"]
    order += ["1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0"]
    shuffled = [order[n * 4 % 9] for n in range(9)]
    assert sorted(shuffled, key=Version.parse) == order


@pytest.mark.parametrize("text", ["1.2", "1", "v1", "latest", "01.2.3", "1.2.3-01", "1.2.3 "])
def test_a_tag_that_is_no_whole_version_is_not_looked_at(text):
    assert Version.parse(text) is None


def test_a_tag_with_a_number_that_nobody_can_read_is_not_looked_at():
    tags = ["1.0.0-" + "1" * 5000, "1.0.0-2"]
    assert Constraint.parse(">=1.0.0-0").newest(tags) == "1.0.0-2"


def test_the_newest_tag_is_taken_and_others_do_not_matter():
    tags = ["v1.9.0", "1.10.0", "v2.0.0-rc.1", "latest", "v0.1.0", "release-3.0.0"]
    assert Constraint.parse(">=1.0").newest(tags) == "1.10.0"
    assert Constraint.parse(">=2.0").newest(tags) == ""


def test_of_equal_versions_always_the_same_tag_is_taken():
    assert Constraint.parse("1.x").newest(["v1.0.0", "1.0.0"]) == "v1.0.0"
    assert Constraint.parse("1.x").newest(["1.0.0", "v1.0.0"]) == "v1.0.0"


@pytest.mark.parametrize(
    "text", ["", "one", ">=", "1.2.3.4", ">=1.0 ||", "^^1", "1.0;2.0", "1" * 600]
)
def test_what_is_no_constraint_is_refused_in_plain_words(text):
    with pytest.raises(StalledError, match=r"spec\.ref\.semver"):
        Constraint.parse(text)
