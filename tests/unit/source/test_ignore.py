"""Ignore files with git's meaning; git itself is the judge."""

import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.source.core.ignore import Ignore


def kept(paths, *, files=(), declared=""):
    """Walk as the service does: below an excluded directory nothing is asked."""
    ignore = Ignore.of(files, declared)
    found = []
    for path in paths:
        parts = path.split("/")
        parents = ["/".join(parts[:n]) + "/" for n in range(1, len(parts))]
        if not any(ignore.excludes(parent) for parent in parents) and not ignore.excludes(path):
            found.append(path)
    return found


PATHS = [
    "a.yaml",
    "pic.png",
    "deploy/b.yaml",
    "deploy/c.jpg",
    ".github/x",
    ".git/config",
    ".gitignore",
    "deploy/.gitattributes",
    "docs/.sops.yaml",
    "src/deploy/d.yaml",
]


def test_the_defaults_hold_where_nobody_wrote_a_pattern():
    assert kept(PATHS) == ["a.yaml", "deploy/b.yaml", "src/deploy/d.yaml"]
    assert kept(PATHS, declared="\n# only words\n") == kept(PATHS)


def test_a_pattern_replaces_the_defaults_but_not_the_files_of_git():
    assert kept(PATHS, declared="*.yaml") == ["pic.png", "deploy/c.jpg", ".github/x"]


def test_everything_but_one_directory():
    assert kept(PATHS, declared="/*\n!/deploy/\n") == ["deploy/b.yaml", "deploy/c.jpg"]


def test_below_an_excluded_directory_nothing_comes_back():
    assert kept(PATHS, declared="/deploy/\n!/deploy/b.yaml") == [
        path for path in kept(PATHS, declared="zzz") if not path.startswith("deploy/")
    ]


def test_a_file_holds_in_its_directory_and_spec_ignore_comes_last():
    files = [("", "*.jpg\n"), ("deploy", "/b.yaml\n")]
    assert kept(PATHS, files=files) == [
        "a.yaml",
        "pic.png",
        ".github/x",
        "docs/.sops.yaml",
        "src/deploy/d.yaml",
    ]
    assert "deploy/b.yaml" in kept(PATHS, files=files, declared="!b.yaml")


def test_a_file_says_nothing_about_its_own_directory():
    files = [("deploy", "*\n!b.yaml\n")]
    assert "deploy/b.yaml" in kept(PATHS, files=files)
    assert "deploy/c.jpg" not in kept(PATHS, files=files)


def test_a_negated_directory_does_not_bring_back_what_another_pattern_excludes_in_it():
    assert kept(["foo/a.txt", "foo/b.yaml"], declared="*.txt\n!foo/") == ["foo/b.yaml"]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ignore")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


NAMES = st.sampled_from(["a", "b", "foo", "foo.txt", "b.yaml", "x y"])
SEGMENTS = st.sampled_from(
    [
        "a",
        "b",
        "foo",
        "*",
        "*.txt",
        "**",
        "***",
        "a**",
        "f*o",
        "?",
        "[ab]",
        "[!a]",
        "[[:alpha:]]*",
        "[^b-z]",
        "[",
        "[]a]",
        "f\\oo",
        "x y ",
        "x\\ y\\ ",
        "#a",
        "b.yaml",
    ]
)


@st.composite
def patterns(draw):
    body = "/".join(draw(st.lists(SEGMENTS, min_size=1, max_size=3)))
    return (
        draw(st.sampled_from(["", "!"]))
        + draw(st.sampled_from(["", "/"]))
        + body
        + draw(st.sampled_from(["", "/"]))
    )


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("*a" * 30 + "b", "a" * 250),
        ("*" + "?*" * 40 + "b", "a" * 250),
        ("**/a/" * 20 + "b", "/".join("a" * 50)),
        ("**/*a*a*a*a/" * 8 + "b", "/".join(["a" * 40] * 50)),
    ],
)
def test_no_line_takes_longer_than_pattern_times_path(line, path):
    # With steps that grow by a power for each star, none of these would come to an end.
    assert kept([path], declared=line) == [path]


@example(lines=["a", "!/a**"], paths=["a/a"], inside="")
@example(lines=["/a**/b"], paths=["ab", "ax/b", "a/x/b", "b"], inside="")
@example(lines=["*", "!a"], paths=["a", "b"], inside="sub/")
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(patterns(), min_size=1, max_size=4),
    paths=st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6),
    inside=st.sampled_from(["", "sub/"]),
)
def test_git_ignores_the_same(work, lines, paths, inside):
    file = work / inside / ".gitignore"
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    paths = [inside + path for path in paths]
    asked = subprocess.run(
        ["git", "-C", str(work), "check-ignore", "--no-index", "--stdin", "-z"],
        input="\0".join(paths),
        capture_output=True,
        text=True,
        check=False,
    )
    file.unlink()
    ignored = set(asked.stdout.split("\0"))
    found = kept(paths, files=[(inside.removesuffix("/"), "\n".join(lines))])
    assert set(found) == set(paths) - ignored
