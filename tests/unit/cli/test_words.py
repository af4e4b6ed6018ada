import pytest
import typer

from cli import words


@pytest.mark.parametrize(
    ("typed", "kinds", "name"),
    [
        (["sources"], ["GitRepository"], ""),
        (["sources", "git"], ["GitRepository"], ""),
        (["sources", "all"], ["GitRepository"], ""),
        (["source", "git", "apps"], ["GitRepository"], "apps"),
        (["source", "git/apps"], ["GitRepository"], "apps"),
        (["source", "apps"], ["GitRepository"], "apps"),
        (["ks", "apps"], ["Kustomization"], "apps"),
        (["kustomization/apps"], ["Kustomization"], "apps"),
        (["alert-providers"], ["Provider"], ""),
    ],
)
def test_kinds_and_names_are_read_as_flux_reads_them(typed, kinds, name):
    found, found_name = words.kinds_and_name(typed)
    assert [info.kind for info in found] == kinds
    assert found_name == name


@pytest.mark.parametrize("typed", [[], ["all"]])
def test_all_kinds_are_meant_where_none_is_named(typed):
    assert len(words.kinds_and_name(typed)[0]) == 5


@pytest.mark.parametrize(
    "typed",
    [
        ["ks", "a", "b"],
        ["ks/"],
        ["ks", "a,b=c"],
        ["ks", "../x"],
        ["ks", "Ü"],
        ["sources", "helm", "x"],
    ],
)
def test_words_that_are_too_many_or_no_name_are_refused(typed):
    with pytest.raises(typer.BadParameter):
        words.kinds_and_name(typed)


@pytest.mark.parametrize("typed", [["ks"], ["all", "apps"], []])
def test_one_object_needs_a_kind_and_a_name(typed):
    with pytest.raises(typer.BadParameter, match="a kind and a name"):
        words.one_object(typed)


@pytest.mark.parametrize("text", ["shop", "Deployment/", "/shop", "a/b/c"])
def test_a_reference_has_two_parts(text):
    with pytest.raises(typer.BadParameter, match="KIND/NAME"):
        words.reference(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("1h30m", 5400), ("7d", 604800), ("1d12h", 129600)]
)
def test_lengths_of_time_may_have_days(text, expected):
    assert words.seconds(text, "--for") == expected


@pytest.mark.parametrize("text", ["", "0s", "d", "-1d", "soon", "1.5d", "5", "99999999999d"])
def test_what_is_no_length_of_time_is_refused_by_its_option(text):
    with pytest.raises(typer.BadParameter, match="--for"):
        words.seconds(text, "--for")
