"""What a start asks of this machine: free ports, the user's kubeconfig, processes."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from cli.up.children import dying_with_parent, start_child
from cli.up.errors import ClusterUnusable, UpError
from cli.up.keep import keep
from cli.up.say import Say
from cli.up.services import Service
from cli.up.state import State
from cli.up.target import find_target


def login(server, context="mine"):
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "a", "cluster": {"server": server, "certificate-authority": "ca.crt"}},
            {"name": "b", "cluster": {"server": "https://192.0.2.9"}},
        ],
        "users": [{"name": "me", "user": {"token": "t"}}],
        "contexts": [
            {"name": "mine", "context": {"cluster": "a", "user": "me"}},
            {"name": "other", "context": {"cluster": "b", "user": "me"}},
        ],
        "current-context": context,
    }


def environment(path):
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": str(path)}


def test_a_port_is_kept_unless_somebody_else_has_it(tmp_path):
    state = State.beside(tmp_path)
    state.hold()
    assert state.port("git") == 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        state.keep_port("git", port)
        assert state.port("git") == 0
    assert state.port("git") == port
    state.keep_port("nats", 1)
    assert json.loads((state.root / "ports").read_text()) == {"git": port, "nats": 1}
    state.release()


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        '{"git": 65536}',
        '{"git": -1}',
        '{"git": 1e999}',
        '{"git": null}',
        '{"git": "file:///etc/passwd"}',
        '{"git": ' + "9" * 5000 + "}",
        "[" * 100_000,
        "\xff",
    ],
)
def test_ports_that_somebody_changed_are_like_none(tmp_path, text):
    state = State.beside(tmp_path)
    state.hold()
    (state.root / "ports").write_text(text, encoding="latin-1")
    assert state.port("git") == 0
    state.keep_port("git", 1)
    assert json.loads((state.root / "ports").read_text())["git"] == 1
    state.release()


ADDRESSES = [
    "",
    "[1]",
    '{"receiver": "file:///x"}',
    '{"a": 65536}',
    "[" * 100_000,
    "pipe",
    "folder",
]


@pytest.mark.parametrize("found", ADDRESSES, ids=range(len(ADDRESSES)))
async def test_addresses_that_no_service_wrote_are_told_with_their_file(tmp_path, found):
    state = State.beside(tmp_path)
    service = Service("source", state, {})
    file = state.data("source") / "addresses.json"
    state.logs.mkdir()
    match found:
        case "pipe":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case _:
            file.write_text(found)
    with pytest.raises(UpError, match=r"addresses\.json"):
        await service.addresses()


def test_without_a_kubeconfig_there_is_no_target():
    assert find_target({"KUBECONFIG": " "}) is None


def test_the_current_context_is_taken_alone_and_with_its_files(tmp_path):
    (tmp_path / "ca.crt").write_text("the authority")
    (tmp_path / "config").write_text(json.dumps(login("https://127.0.0.1:1")))
    target = find_target(environment(tmp_path / "config"))
    assert (target.context, target.address) == ("mine", "https://127.0.0.1:1")
    assert "other" not in target.login
    assert "certificate-authority-data" in target.login


def test_a_kubeconfig_without_a_context_or_that_is_none_is_named(tmp_path):
    (tmp_path / "config").write_text(json.dumps(login("https://127.0.0.1:1", context="")))
    with pytest.raises(ClusterUnusable, match="config"):
        find_target(environment(tmp_path / "config"))
    (tmp_path / "bad").write_text("{")
    with pytest.raises(ClusterUnusable, match="bad"):
        find_target(environment(tmp_path / "bad"))


class Sleeper:
    """
    A part that only waits.
    """

    name = "sleeper"

    def __init__(self, log: Path, program: str) -> None:
        self._log, self._program = log, program
        self.child = None

    @property
    def pid(self):
        return self.child.pid

    async def start(self):
        words = ["-c", self._program]
        self.child = await start_child(Path(sys.executable), words, self._log, append=True)

    async def wait(self):
        return await self.child.process.wait()

    async def stop(self):
        await self.child.stop(1)

    def quoted(self):
        return self.child.quoted()


async def test_a_killed_part_runs_again_and_both_is_said(tmp_path):
    part = Sleeper(tmp_path / "log", "import time; time.sleep(60)")
    await part.start()
    first, started = part.pid, asyncio.Event()
    with (tmp_path / "said").open("w") as said:
        keeping = asyncio.create_task(keep(part, Say(said), started.set))
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(10):
            await started.wait()
        keeping.cancel()
        await asyncio.wait({keeping})
    assert part.pid != first
    text = (tmp_path / "said").read_text()
    assert "sleeper was ended by SIGKILL; starting it again in 1 s" in text
    assert f"sleeper runs again (process {part.pid})" in text
    await part.stop()


async def test_a_part_that_never_works_ends_the_start_with_its_last_words(tmp_path):
    part = Sleeper(tmp_path / "log", "import sys; sys.exit('no such thing')")
    await part.start()
    with (tmp_path / "said").open("w") as said:
        async with asyncio.timeout(20):
            with pytest.raises(UpError, match="no such thing"):
                await keep(part, Say(said), lambda: None)


async def test_a_child_dies_with_its_parent(tmp_path):
    program, words = dying_with_parent(Path(sys.executable))
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([{str(program)!r}, *{words!r}, '-c',"
        " 'import time; print(1, flush=True); time.sleep(60)'], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = await start_child(Path(sys.executable), ["-c", script], tmp_path / "log", listen=True)
    child = int(await parent.line())
    os.kill(parent.pid, signal.SIGKILL)
    await parent.process.wait()
    async with asyncio.timeout(5):
        while running(child):
            await asyncio.sleep(0.01)


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
