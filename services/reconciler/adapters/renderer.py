"""
Renders in a few warm worker processes: a render that kills its worker costs that render alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from services.reconciler.adapters.renderer_worker import Answer, Worker
from services.reconciler.core.rendering import Looked, Rendered, RenderFailed, RenderRequest

# One core renders while the other reconciles; a second worker covers a slow render.
_WORKERS = 2
_RENDER_SECONDS = 30.0


class RendererPool:
    """
    The port `Renderer` over worker processes that are started when they are needed.

    Args:
        program: Path of the renderer program.
        workers: How many renders run at the same time.
        seconds: Time limit of one render, and of one load.

    """

    def __init__(
        self, program: Path | str, *, workers: int = _WORKERS, seconds: float = _RENDER_SECONDS
    ) -> None:
        self._program = str(program)
        self._seconds = seconds
        self._turns = asyncio.Semaphore(workers)
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()

    def __repr__(self) -> str:
        return f"RendererPool(idle={len(self._idle)}, busy={len(self._busy)})"

    async def render(
        self, request: RenderRequest, fetch: Callable[[], Awaitable[bytes]]
    ) -> Rendered:
        """
        Render one request; ``fetch`` gives the artifact where no worker holds it.

        Raises:
            RenderFailed: The build failed, was refused, or ended its worker.

        """
        async with self._turns:
            worker = await self._take(request.digest)
            self._busy.add(worker)
            try:
                answer = await self._ask(worker, request, fetch)
            finally:
                self._busy.discard(worker)
                if worker.alive:
                    self._idle.append(worker)
        if answer.status != "ok":
            raise RenderFailed(answer.kind, answer.message)
        return _rendered(answer)

    async def close(self) -> None:
        """
        End all workers.
        """
        workers = [*self._idle, *self._busy]
        self._idle.clear()
        for worker in workers:
            await worker.kill()

    async def _take(self, digest: str) -> Worker:
        """
        Pick an idle worker, best one that holds the artifact, or start one.
        """
        self._idle = [worker for worker in self._idle if worker.alive]
        if not self._idle:
            return await Worker.start(self._program)
        chosen = next((each for each in self._idle if digest in each.held), self._idle[0])
        self._idle.remove(chosen)
        return chosen

    async def _ask(
        self, worker: Worker, request: RenderRequest, fetch: Callable[[], Awaitable[bytes]]
    ) -> Answer:
        answer = await worker.exchange(_render_header(request), None, self._seconds)
        if answer.status != "missing":
            return answer
        worker.held.discard(request.digest)
        packed = await fetch()
        load = {"op": "load", "digest": request.digest}
        loaded = await worker.exchange(load, packed, self._seconds)
        if loaded.status != "ok":
            return loaded
        worker.held.add(request.digest)
        return await worker.exchange(_render_header(request), None, self._seconds)


def _render_header(request: RenderRequest) -> dict[str, object]:
    return {
        "op": "render",
        "digest": request.digest,
        "path": request.path,
        "overlay": dict(request.overlay),
        "variables": dict(request.variables),
        "substitute": request.substitute,
        "strategy": request.strategy,
        "strict": request.strict,
    }


def _rendered(answer: Answer) -> Rendered:
    looked = answer.result["looked"]
    return Rendered(
        objects=tuple(answer.result["objects"]),
        looked=Looked(
            files=frozenset(looked["files"]),
            directories=frozenset(looked["directories"]),
            absent=frozenset(looked["absent"]),
        ),
    )
