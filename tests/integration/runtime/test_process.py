"""A service as a process: signals, failures of tasks, health endpoints, kill points."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

PROGRAM = """
import asyncio, sys
from pathlib import Path
from shared.runtime import point, run
from shared.runtime.settings import Common
from shared.runtime.process import write_addresses
settings = Common.from_environment("source")
async def main(runtime):
    async def well(): return ""
    async def ill(): return "no bus" if Path(sys.argv[2]).exists() else ""
    async def boom():
        while not Path(sys.argv[3]).exists(): await asyncio.sleep(0.01)
        raise RuntimeError("boom")
    runtime.health.add("api", well); runtime.health.add("bus", ill)
    runtime.supervise("boom", boom())
    write_addresses(settings.address_file, runtime.addresses)
    point("test.started")
    await runtime.stopping.wait()
sys.exit(run(main, settings, controller="source-controller"))
"""


class Service:
    def __init__(self, process, folder):
        self.process, self.folder = process, folder

    async def get(self, path):
        port = json.loads((self.folder / "addresses").read_bytes())[
            "metrics" if path == "/metrics" else "health"
        ]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as answer,
        ):
            return answer.status, await answer.text()


@pytest.fixture
async def start(tmp_path):
    started = []

    async def begin(**environment):
        folder = tmp_path
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, "x", str(folder / "ill"), str(folder / "boom"),
            cwd=Path(__file__).parents[3], stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "SETPOINT_HEALTH_ADDR": "127.0.0.1:0",
                "SETPOINT_METRICS_ADDR": "127.0.0.1:0",
                "SETPOINT_ADDRESS_FILE": str(folder / "addresses"),
                **environment,
            },
        )  # fmt: skip
        started.append(process)
        async with asyncio.timeout(20):
            while not (folder / "addresses").exists() and process.returncode is None:
                await asyncio.sleep(0.01)
        return Service(process, folder)

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_sigterm_stops_the_process_with_exit_code_0(start):
    service = await start()
    service.process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(service.process.communicate(), 10)
    assert service.process.returncode == 0
    last = json.loads(errors.splitlines()[-1])
    assert last["msg"] == "stopped"
    assert (last["level"], last["controller"], last["namespace"]) == (
        "info",
        "source-controller",
        "flux-system",
    )


async def test_readiness_names_what_is_missing_and_comes_back(start):
    service = await start()
    (service.folder / "ill").touch()
    assert await service.get("/readyz") == (503, "bus: no bus\n")
    (service.folder / "ill").unlink()
    assert await service.get("/readyz") == (200, "ok\n")
    assert (await service.get("/livez"))[0] == 200


async def test_a_failed_task_stops_the_process_with_exit_code_1_and_says_why(start):
    service = await start()
    (service.folder / "boom").touch()
    _, errors = await asyncio.wait_for(service.process.communicate(), 10)
    assert service.process.returncode == 1
    lines = [json.loads(line) for line in errors.splitlines()]
    assert any(line["msg"] == "task failed" and line["task"] == "boom" for line in lines)


async def test_metrics_have_the_names_of_the_reference(start):
    service = await start()
    status, text = await service.get("/metrics")
    assert status == 200
    assert "gotk_reconcile_duration_seconds" in text
    assert "process_cpu_seconds_total" in text


async def test_a_kill_point_kills_without_clean_up(start):
    service = await start(SETPOINT_KILL_AT="test.started")
    await asyncio.wait_for(service.process.communicate(), 10)
    assert service.process.returncode == -signal.SIGKILL


LOOKS = """
import gc, sys
from shared.runtime import run
from shared.runtime.settings import Common
async def main(runtime):
    gc.collect()
    assert len(gc.get_objects()) < gc.get_freeze_count() / 10, len(gc.get_objects())
sys.exit(run(main, Common.from_environment("source"), controller="source-controller"))
"""


async def test_a_look_for_garbage_passes_over_what_the_imports_left(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOOKS, cwd=Path(__file__).parents[3],
        env={
            **os.environ,
            "SETPOINT_HEALTH_ADDR": "127.0.0.1:0",
            "SETPOINT_METRICS_ADDR": "127.0.0.1:0",
        },
    )  # fmt: skip
    assert await asyncio.wait_for(process.wait(), 20) == 0
