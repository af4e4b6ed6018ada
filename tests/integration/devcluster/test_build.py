"""Building a Go program into the cache, with the real compiler and a small program."""

import asyncio
import subprocess
import threading
from dataclasses import replace

import pytest

from cli.up import programs
from cli.up.building import build_program
from cli.up.errors import UpError
from cli.up.programs import RENDERER, Program, build, key
from cli.up.toolchain import cache_root, find_go, is_new_enough

MAIN = """package main

import "fmt"

var word = "unset"

func main() { fmt.Println(word) }
"""


@pytest.fixture
def program(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "go.mod").write_text("module example.com/hello\n\ngo 1.26\n")
    (source / "main.go").write_text(MAIN)
    return Program(
        name="hello", source=source, disk=1, packages=1, linker="-s -w -X main.word=linked"
    )


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_a_program_is_built_once_and_runs(program, cache):
    said = []
    path = build(program, report=said.append, cache=cache)
    assert subprocess.run([path], capture_output=True, check=True).stdout == b"linked\n"
    assert said[-1] == "hello: built"

    said.clear()
    assert build(program, report=said.append, cache=cache) == path
    assert said == []


def test_other_sources_are_another_binary(program, cache):
    first = build(program, report=print, cache=cache)
    (program.source / "main.go").write_text(MAIN.replace("Println(word)", "Println(word, 2)"))
    second = build(program, report=print, cache=cache)
    assert first != second
    assert first.exists()
    assert subprocess.run([second], capture_output=True, check=True).stdout == b"linked 2\n"


def test_two_builds_at_once_wait_for_each_other(program, cache):
    said, paths = [], []

    def one():
        paths.append(build(program, report=said.append, cache=cache))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths[0] == paths[1]
    assert said.count("hello: built") == 1


def test_a_program_that_does_not_compile_is_named_with_the_compilers_words(program, cache):
    (program.source / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(UpError, match=r"(?s)hello cannot be built.*undefined: nonsense"):
        build(program, report=print, cache=cache)
    assert list(cache.glob("hello-*")) == []
    assert list(cache.glob(".build-*")) == []


def test_what_a_killed_build_left_goes_with_the_next(program, cache):
    left = cache / ".build-hello-killed"
    left.mkdir(parents=True)
    build(program, report=print, cache=cache)
    assert list(cache.glob(".build-*")) == []


def test_a_full_disk_is_noticed_before_the_build(program, cache):
    with pytest.raises(UpError, match=r"hello cannot be built: .* GiB free; make room"):
        build(replace(program, disk=2**60), report=print, cache=cache)


def test_a_full_disk_does_not_matter_when_all_is_built(program, cache):
    path = build(program, report=print, cache=cache)
    assert build(replace(program, disk=2**60), report=print, cache=cache) == path


def test_a_missing_checkout_is_named(program, cache, tmp_path):
    with pytest.raises(UpError, match="run from a checkout"):
        build(replace(program, source=tmp_path / "nowhere"), report=print, cache=cache)


def test_only_some_old_builds_are_kept(program, cache):
    for number in range(programs.KEPT + 3):
        (program.source / "main.go").write_text(f"package main\n\nfunc main() {{ _ = {number} }}\n")
        last = build(program, report=print, cache=cache)
    kept = list(cache.glob("hello-*/hello"))
    assert last in kept
    assert len(kept) == programs.KEPT


def test_a_test_file_does_not_change_the_key(program):
    before = key(program, "go1.26.8")
    (program.source / "main_test.go").write_text("package main\n")
    assert key(program, "go1.26.8") == before
    assert key(program, "go1.27.0") != before
    assert key(replace(program, linker=""), "go1.26.8") != before


def test_the_cache_is_where_the_user_says():
    assert str(cache_root({"XDG_CACHE_HOME": "/some/where"})) == "/some/where/setpoint"
    assert cache_root({"XDG_CACHE_HOME": "relative"}) == cache_root({})


@pytest.mark.parametrize(
    ("version", "enough"),
    [("go1.26.0", True), ("go1.27.3", True), ("go2.0", True), ("go1.25.9", False), ("x", False)],
)
def test_a_toolchain_must_be_new_enough(version, enough):
    assert is_new_enough(version) is enough


def test_the_command_prints_paths_only_on_standard_output(capsys, monkeypatch, program, cache):
    # The compiler's own cache stays where it is, or it would compile the standard library again.
    go = find_go(report=print, cache=cache_root()).program
    ask = subprocess.run([go, "env", "GOCACHE"], capture_output=True, text=True, check=True)
    monkeypatch.setenv("GOCACHE", ask.stdout.strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setitem(programs.PROGRAMS, "hello", program)
    assert programs.main(["hello"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(next(cache.glob("setpoint/hello-*/hello")))]
    assert "building" in printed.err


async def test_a_cancelled_build_ends_its_compiler_at_once(program, cache, monkeypatch):
    # An empty cache of the compiler: the standard library takes far longer than this test.
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("GOCACHE", str(cache / "go"))
    started = asyncio.Event()
    task = asyncio.create_task(
        build_program(RENDERER, report=lambda line: "building" in line and started.set())
    )
    async with asyncio.timeout(60):
        await started.wait()
    task.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert list((cache / "setpoint").glob("renderer-*")) == []


async def test_a_failed_build_says_the_same_in_a_process_of_its_own(monkeypatch, tmp_path):
    (tmp_path / "setpoint").write_text("a file where the cache should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UpError, match="cannot be used as the cache"):
        await build_program(RENDERER, report=print)


def test_the_command_refuses_names_that_it_does_not_know(capsys):
    assert programs.main(["nonsense"]) == 2
    assert "devcluster renderer" in capsys.readouterr().err
