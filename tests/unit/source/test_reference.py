"""Which commit a declaration means."""

import pytest

from services.source.core.reference import Reference
from shared.errors import StalledError, TransientError

A, B, C = "a" * 40, "b" * 40, "c" * 40
REFS = {
    "refs/heads/main": A,
    "refs/heads/master": B,
    "refs/tags/v1.0.0": C,
    "refs/tags/v1.0.0^{}": A,
    "refs/tags/v1.1.0": B,
}


@pytest.mark.parametrize(
    ("fields", "prefix", "revision"),
    [
        ({}, "refs/heads/master", f"master@sha1:{B}"),
        ({"branch": "main"}, "refs/heads/main", f"main@sha1:{A}"),
        ({"branch": "main", "tag": "v1.0.0"}, "refs/tags/v1.0.0", f"v1.0.0@sha1:{A}"),
        ({"tag": "v1.0.0", "semver": "1.1.x"}, "refs/tags/", f"v1.1.0@sha1:{B}"),
        (
            {"semver": ">=1.0", "name": "refs/heads/main"},
            "refs/heads/main",
            f"refs/heads/main@sha1:{A}",
        ),
        ({"commit": C}, "", f"sha1:{C}"),
        ({"commit": C, "branch": "main"}, "", f"main@sha1:{C}"),
        ({"commit": C, "name": "refs/heads/main", "branch": "x"}, "", f"refs/heads/main@sha1:{C}"),
    ],
)
def test_commit_goes_before_name_semver_tag_and_branch(fields, prefix, revision):
    reference = Reference(**fields)
    assert reference.prefix == prefix
    assert str(reference.resolve(REFS)) == revision


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"branch": "gone"}, "branch 'gone' does not exist"),
        ({}, "branch 'master' \\(the default"),
        ({"tag": "v9"}, "tag 'v9' does not exist"),
        ({"semver": ">=9"}, "no tag .* fits"),
        ({"name": "refs/pull/1/head"}, "reference 'refs/pull/1/head' does not exist"),
    ],
)
def test_a_ref_that_is_not_there_is_named_with_what_to_do(fields, words):
    with pytest.raises(TransientError, match=words) as caught:
        Reference(**fields).resolve({"refs/heads/other": A})
    assert caught.value.reason == "GitOperationFailed"
    assert "change spec.ref" in caught.value.message


@pytest.mark.parametrize(
    "fields",
    [
        {"branch": "../x"},
        {"branch": "a b"},
        {"branch": "-x"},
        {"branch": "a\nb"},
        {"tag": "v1^{}"},
        {"tag": "a*"},
        {"name": "refs/heads/.x"},
        {"name": "refs//x"},
        {"commit": "abc123"},
        {"commit": A.upper()},
    ],
)
def test_a_name_that_git_would_not_allow_is_refused_until_it_is_changed(fields):
    with pytest.raises(StalledError, match=r"spec\.ref\."):
        Reference(**fields)
