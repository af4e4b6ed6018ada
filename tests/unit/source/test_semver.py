"""Version constraints as the field writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


SMALL = st.tuples(*[st.integers(0, 3)] * 3)
PRES = st.lists(st.sampled_from(["0", "2", "10", "a", "b-1"]), max_size=2).map(tuple)
VERSIONS = st.builds(Version, SMALL, PRES)
WHOLE = st.builds(Version, SMALL)


def below(one, other):
    """Compare by the letter of the specification, part by part."""
    if one.numbers != other.numbers:
        return one.numbers < other.numbers
    if not one.pre or not other.pre:
        return bool(one.pre) and not other.pre
    for mine, theirs in zip(one.pre, other.pre, strict=False):
        if mine != theirs:
            if mine.isdigit() and theirs.isdigit():
                return int(mine) < int(theirs)
            return mine.isdigit() or (not theirs.isdigit() and mine < theirs)
    return len(one.pre) < len(other.pre)


@given(VERSIONS, VERSIONS)
def test_versions_have_the_order_of_the_specification(one, other):
    assert (one < other) is below(one, other)
    assert (one == other) is (not below(one, other) and not below(other, one))


def written(numbers):
    return ".".join(map(str, numbers))


@given(WHOLE, SMALL, st.integers(1, 3))
def test_short_forms_mean_what_they_stand_for(version, given_, count):
    short, (a, b, c) = written(given_[:count]), given_
    low = {1: (a, 0, 0), 2: (a, b, 0), 3: (a, b, c)}[count]
    tilde = (a + 1, 0, 0) if count == 1 else (a, b + 1, 0)
    nonzero = next((n for n, part in enumerate(given_[:count]) if part), count - 1)
    caret = tuple(
        part if n < nonzero else (part + 1 if n == nonzero else 0) for n, part in enumerate(given_)
    )
    for sign, high in (("~", tilde), ("^", caret)):
        inside = low <= version.numbers < high
        assert Constraint.parse(sign + short).accepts(version) is inside


@given(WHOLE, SMALL)
def test_signs_and_their_opposites_share_all_whole_versions(version, numbers):
    text = written(numbers)
    for sign, opposite in (("=", "!="), ("<", ">="), (">", "<=")):
        one, other = (Constraint.parse(f"{found}{text}") for found in (sign, opposite))
        assert one.accepts(version) is not other.accepts(version)
        assert Constraint.parse(f"{sign}{text} || {opposite}{text}").accepts(version)
        assert not Constraint.parse(f"{sign}{text}, {opposite}{text}").accepts(version)
