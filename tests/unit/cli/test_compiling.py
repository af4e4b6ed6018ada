"""How the progress of a Go build is told."""

from cli.up.compile import _Reader, main_package
from cli.up.programs import PROGRAMS

MAIN = "example/devcluster"


def progress(*lines):
    reader = _Reader(MAIN)
    reader.read([f"{line}\n" for line in lines])
    return reader.progress(2600)


def test_a_build_that_uses_earlier_results_says_that_it_links():
    assert progress() == "using earlier results"
    assert progress("go: downloading k8s.io/api v1") == "1 modules fetched"
    assert progress("k8s.io/api", "k8s.io/api/core") == "2 of about 2600 packages"
    assert progress("k8s.io/api", MAIN) == "linking"


def test_the_main_package_is_that_of_the_module():
    for program in PROGRAMS.values():
        name = main_package(program.source)
        assert name.rpartition("/")[2] == program.source.name
        assert any("package main" in path.read_text() for path in program.source.glob("*.go"))
