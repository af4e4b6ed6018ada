"""
Start, serve, drain: the one way in which a service is a process.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import orjson

from shared.errors import SetpointError
from shared.runtime import logs
from shared.runtime.clock import Clock, SystemClock
from shared.runtime.garbage import spare_the_loop
from shared.runtime.health import HealthServer
from shared.runtime.metrics import Metrics
from shared.runtime.settings import Common

_DRAIN_LIMIT = 20.0  # seconds from the signal to a hard exit; an orchestrator kills after 30
_LAG_STEP = 0.05  # seconds between two looks at the loop; finds blocks of 50 ms
_LAG_WINDOW = 200  # looks that one figure of the lag covers: 10 s
_EXIT_USAGE = 2


class Runtime:
    """
    What a running service gets: supervised tasks, health, metrics and the word to stop.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.metrics = Metrics()
        self.health = HealthServer(self.metrics)
        self.stopping = asyncio.Event()
        self.addresses: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._died: BaseException | None = None

    def supervise(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """
        Run ``work`` beside the service; its failure stops the process, never silently.
        """
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def fail(self, reason: str) -> None:
        """
        Say that the process cannot go on, and stop it with exit code 1.
        """
        self._died = self._died or SetpointError(reason)
        self.health.fatal = reason
        self.stopping.set()

    @property
    def died(self) -> BaseException | None:
        """
        The failure that ended the process, if one did.
        """
        return self._died

    async def drain(self) -> None:
        """
        Cancel what is supervised and wait until it is gone.
        """
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or self.stopping.is_set():
            return
        error = task.exception()
        if error is not None:
            logs.get().error("task failed", task=task.get_name(), exc_info=error)
            self._died = self._died or error
            self.health.fatal = f"{task.get_name()} failed: {type(error).__name__}"
            self.stopping.set()


def run(main: Callable[[Runtime], Awaitable[None]], settings: Common, *, controller: str) -> int:
    """
    Run a service until it is told to stop, and return its exit code.

    Args:
        main: Builds the service, supervises its tasks, waits for ``stopping``, then closes.
        settings: Where to listen and how to log.
        controller: The name by which dashboards know the service.

    """
    logs.configure(settings.log_level, controller=controller, namespace=settings.namespace)
    spare_the_loop()
    return asyncio.run(_serve(main, settings))


async def _serve(main: Callable[[Runtime], Awaitable[None]], settings: Common) -> int:
    log = logs.get()
    runtime = Runtime(SystemClock())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, runtime, loop)
    health, metrics = await runtime.health.start(settings.health, settings.metrics)
    runtime.addresses |= {"health": health, "metrics": metrics}
    lag = asyncio.create_task(_watch_lag(runtime), name="loop lag")
    try:
        await main(runtime)
    except SetpointError as exc:
        log.error(  # noqa: TRY400 - the message says it all; a trace helps nobody
            "cannot go on", error=exc.message, reason=exc.reason
        )
        return 1
    finally:
        runtime.health.draining = True
        lag.cancel()
        await runtime.drain()
        await runtime.health.close()
    if runtime.died is not None:
        log.error("stopped by a failure", error=str(runtime.died))
        return 1
    log.info("stopped")
    return 0


def _on_signal(runtime: Runtime, loop: asyncio.AbstractEventLoop) -> None:
    if runtime.stopping.is_set():
        os._exit(1)  # the second signal: somebody is in a hurry
    runtime.stopping.set()
    loop.call_later(_DRAIN_LIMIT, _hard_exit)


def _hard_exit() -> None:
    logs.get().error("not drained in time", seconds=_DRAIN_LIMIT)
    os._exit(1)


async def _watch_lag(runtime: Runtime) -> None:
    worst, looks = 0.0, 0
    while True:
        before = runtime.clock.monotonic()
        await asyncio.sleep(_LAG_STEP)
        worst = max(worst, runtime.clock.monotonic() - before - _LAG_STEP)
        looks += 1
        if looks >= _LAG_WINDOW:
            runtime.metrics.loop_lag.set(worst)
            worst, looks = 0.0, 0


def write_addresses(path: Path | None, addresses: dict[str, int]) -> None:
    """
    Tell whoever started this process which ports it got, by one rename.
    """
    if path is None:
        return
    part = path.with_suffix(".part")
    part.write_bytes(orjson.dumps(addresses))
    part.replace(path)


def refuse_start(error: SetpointError) -> int:
    """
    Say in one line why a program does not start, and return its exit code.
    """
    sys.stderr.write(f"error: {error.message}\n")
    return _EXIT_USAGE
