"""
Workers are warm, replaceable and no danger to each other.
"""

import asyncio
import json
import os
import random
import signal
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.reconciler.adapters.renderer import RendererPool
from services.reconciler.core.overlay import render_request
from services.reconciler.core.rendering import RenderFailed, RenderRequest


def request(digest: str, **spec: object) -> RenderRequest:
    return render_request({"path": "app", **spec}, digest=digest, variables={})


def many(count: int, manifest: Any) -> str:
    return "---\n".join(manifest(f"object-{n}") for n in range(count))


async def test_an_artifact_is_fetched_once(pool: RendererPool, pack: Any, manifest: Any) -> None:
    packed = pack({"app/a.yaml": manifest("a")})
    fetched = 0

    async def fetch() -> bytes:
        nonlocal fetched
        fetched += 1
        return bytes(packed.data)

    for prefix in ("x-", "y-", "z-"):
        rendered = await pool.render(request(packed.digest, namePrefix=prefix), fetch)
        assert rendered.objects[0]["metadata"]["name"] == f"{prefix}a"
    assert fetched == 1


async def test_a_render_leaves_no_trace_in_the_next(
    pool: RendererPool, pack: Any, manifest: Any
) -> None:
    packed = pack({"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": manifest("a")})
    first = await pool.render(request(packed.digest), packed.fetch)
    await pool.render(request(packed.digest, targetNamespace="other"), packed.fetch)
    assert await pool.render(request(packed.digest), packed.fetch) == first


async def test_old_artifacts_make_room(pool: RendererPool, pack: Any, manifest: Any) -> None:
    noise = random.Random(3)
    artifacts = []
    for n in range(4):
        files = {f"noise/{i}": noise.randbytes(8 * 2**20) for i in range(5)}
        artifacts.append(pack({"app/a.yaml": manifest(f"a-{n}"), **files}))
    fetched: list[int] = []

    async def use(n: int) -> None:
        async def fetch() -> bytes:
            fetched.append(n)
            return bytes(artifacts[n].data)

        rendered = await pool.render(request(artifacts[n].digest), fetch)
        assert rendered.objects[0]["metadata"]["name"] == f"a-{n}"

    for n in (0, 1, 2, 3, 3, 0):
        await use(n)
    assert fetched == [0, 1, 2, 3, 0]


async def test_two_renders_run_at_the_same_time_and_a_third_waits(
    pool: RendererPool, pack: Any, manifest: Any
) -> None:
    packed = pack({"app/a.yaml": manifest("a")})
    arrived = 0
    both = asyncio.Event()

    async def fetch() -> bytes:
        nonlocal arrived
        arrived += 1
        if arrived == 2:
            both.set()
        await both.wait()
        return bytes(packed.data)

    results = await asyncio.gather(*(pool.render(request(packed.digest), fetch) for _ in range(5)))
    assert len(results) == 5
    assert arrived == 2
    assert repr(pool) == "RendererPool(idle=2, busy=0)"


async def test_a_worker_killed_in_a_render_costs_that_render_alone(
    pool: RendererPool, pack: Any, manifest: Any
) -> None:
    packed = pack({"app/a.yaml": manifest("a")})

    async def killing() -> bytes:
        (worker,) = pool._busy
        os.kill(worker.pid, signal.SIGKILL)
        return bytes(packed.data)

    with pytest.raises(RenderFailed, match="ended with signal 9 during this render") as failed:
        await pool.render(request(packed.digest), killing)
    assert failed.value.kind == "crash"
    assert len((await pool.render(request(packed.digest), packed.fetch)).objects) == 1


async def test_a_worker_that_died_while_idle_is_replaced_unseen(
    pool: RendererPool, pack: Any, manifest: Any
) -> None:
    packed = pack({"app/a.yaml": manifest("a")})
    await pool.render(request(packed.digest), packed.fetch)
    (worker,) = pool._idle
    os.kill(worker.pid, signal.SIGKILL)
    await worker._process.wait()
    assert len((await pool.render(request(packed.digest), packed.fetch)).objects) == 1


async def test_a_render_that_takes_too_long_is_ended(
    program: Path, pack: Any, manifest: Any
) -> None:
    pool = RendererPool(program, seconds=1.0)
    slow = pack({"app/a.yaml": many(5000, manifest)})
    with pytest.raises(RenderFailed, match="not rendered within 1 s") as failed:
        await pool.render(request(slow.digest), slow.fetch)
    assert failed.value.kind == "timeout"
    quick = pack({"app/a.yaml": manifest("a")})
    assert len((await pool.render(request(quick.digest), quick.fetch)).objects) == 1
    await pool.close()


async def test_a_cancelled_render_ends_its_worker_not_the_pool(
    pool: RendererPool, pack: Any, manifest: Any
) -> None:
    slow = pack({"app/a.yaml": many(5000, manifest)})
    fetching = asyncio.Event()

    async def fetch() -> bytes:
        fetching.set()
        return bytes(slow.data)

    render = asyncio.create_task(pool.render(request(slow.digest), fetch))
    await fetching.wait()
    (worker,) = pool._busy
    render.cancel()
    with pytest.raises(asyncio.CancelledError):
        await render
    assert not worker.alive
    quick = pack({"app/a.yaml": manifest("a")})
    assert len((await pool.render(request(quick.digest), quick.fetch)).objects) == 1


async def test_a_render_that_needs_too_much_memory_says_so(
    pool: RendererPool, pack: Any, manifest: Any
) -> None:
    # Seven million numbers of one digit: small as text, far too large as a tree.
    digits = random.Random(4).randbytes(7_000_000).translate(bytes(48 + n % 10 for n in range(256)))
    numbers = ",".join(digits.decode())
    packed = pack({"app/a.yaml": manifest("a") + f"x: [{numbers}]\n"})
    with pytest.raises(RenderFailed, match=r"RenderOOM: \d+ MiB in use, the limit") as failed:
        await pool.render(request(packed.digest), packed.fetch)
    assert failed.value.kind == "crash"
    quick = pack({"app/a.yaml": manifest("a")})
    assert len((await pool.render(request(quick.digest), quick.fetch)).objects) == 1


async def test_a_fetch_that_fails_leaves_the_worker_alone(
    pool: RendererPool, pack: Any, manifest: Any
) -> None:
    packed = pack({"app/a.yaml": manifest("a")})

    async def fetch() -> bytes:
        raise ConnectionError("the bus is away")

    with pytest.raises(ConnectionError, match="the bus is away"):
        await pool.render(request(packed.digest), fetch)
    assert repr(pool) == "RendererPool(idle=1, busy=0)"


async def test_close_ends_the_processes(program: Path, pack: Any, manifest: Any) -> None:
    pool = RendererPool(program)
    packed = pack({"app/a.yaml": manifest("a")})
    await pool.render(request(packed.digest), packed.fetch)
    (worker,) = pool._idle
    assert repr(worker) == f"Worker(pid={worker.pid}, alive=True, held=1)"
    await pool.close()
    assert not worker.alive
    with pytest.raises(ProcessLookupError):
        os.kill(worker.pid, 0)


async def spawn(program: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        str(program),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_worker_ends_when_its_input_ends(program: Path) -> None:
    process = await spawn(program)
    _, printed = await process.communicate(b"")
    assert process.returncode == 0
    assert printed == b""


def frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (b"\xff\xff\xff\xff", b"header of 4294967295 bytes"),
        (frame(b"no json"), b"no JSON object of this protocol"),
        (frame(json.dumps({"id": 1, "op": "delete"}).encode()), b'operation "delete"'),
        (b"\x00\x00\x00\x10{", b"cut short"),
    ],
)
async def test_the_worker_ends_when_it_is_told_nonsense(
    sent: bytes, complaint: bytes, program: Path
) -> None:
    process = await spawn(program)
    _, printed = await process.communicate(sent)
    assert process.returncode == 1
    assert complaint in printed


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    def script(body: str) -> Path:
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return script


async def test_a_program_of_another_version_is_named(script: Any, pack: Any, manifest: Any) -> None:
    hello = json.dumps({"protocol": 99, "program": "setpoint-renderer"})
    octal = "".join(f"\\{byte:03o}" for byte in struct.pack(">I", len(hello)))
    pool = RendererPool(script(f"printf '{octal}'; printf '%s' '{hello}'; read wait"))
    packed = pack({"app/a.yaml": manifest("a")})
    with pytest.raises(RenderFailed, match="speaks protocol 99, this service 1") as failed:
        await pool.render(request(packed.digest), packed.fetch)
    assert failed.value.kind == "crash"
    await pool.close()


async def test_a_program_that_does_not_start_is_named(
    script: Any, pack: Any, manifest: Any
) -> None:
    packed = pack({"app/a.yaml": manifest("a")})
    pool = RendererPool(script("echo no such library >&2; exit 127"))
    with pytest.raises(RenderFailed, match=r"did not greet.*exit code 127.*no such library"):
        await pool.render(request(packed.digest), packed.fetch)
    absent = RendererPool("/nonexistent/renderer")
    with pytest.raises(RenderFailed, match="/nonexistent/renderer cannot be started"):
        await absent.render(request(packed.digest), packed.fetch)


async def test_what_was_logged_about_one_repository_is_not_told_of_another(
    render: Any, manifest: Any
) -> None:
    variable = (
        "resources: [a.yaml]\nvars:\n- name: CANARY\n  objref: {apiVersion: v1, kind: ConfigMap,"
        " name: a}\n  fieldref: {fieldpath: data.q}\n"
    )
    await render({"app/kustomization.yaml": variable, "app/a.yaml": manifest("a", data="{q: r}")})
    big = random.Random(3).randbytes(700_000)
    many = "".join(f"- {{name: a{n}, files: [big]}}\n" for n in range(400))
    with pytest.raises(RenderFailed, match="RenderOOM") as failed:
        await render({"app/kustomization.yaml": "configMapGenerator:\n" + many, "app/big": big})
    assert "CANARY" not in failed.value.message
