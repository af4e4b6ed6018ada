"""
The source service: one lane per GitRepository, each going poll, fetch, publish.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import assert_never

from services.source.collect import Collect, Known
from services.source.core.artifact import current, pushed
from services.source.core.checkout import Checkout, Unchanged
from services.source.core.declaration import FINALIZER, GROUP, KIND, about
from services.source.core.schedule import Backoff, steady
from services.source.core.status import FETCH_FAILED, STORAGE_FAILED, Failure, Refused
from services.source.fetch import Fetch
from services.source.poll import Key, Lane, key_of
from services.source.ports import Declarations, Gone, Json, Notice, Seen, Snapshot
from services.source.publish import Publish
from shared.api import GitRepository
from shared.errors import SetpointError, StalledError
from shared.kube.errors import Conflict
from shared.messages import Command
from shared.runtime import Clock, logs

Measure = Callable[[Key, float | None], None]

_ARCHIVE_FAILED = "ArchiveOperationFailed"  # the tree came, but no artifact can be made of it
_CONFLICTS = 3  # times that a pass begins anew at once because its object changed meanwhile
log = logs.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """
    What a pass is made of.
    """

    fetch: Fetch
    publish: Publish
    collect: Collect


class SourceService:
    """
    Runs the lanes.

    Args:
        backoff: How failures are spaced.
        jitter: The share of the interval by which looks are spread.
        measure: Is told how long each pass took; None when a source is gone.

    """

    def __init__(
        self,
        steps: Steps,
        declarations: Declarations,
        clock: Clock,
        *,
        backoff: Backoff,
        jitter: float,
        measure: Measure,
    ) -> None:
        self._steps = steps
        self._declarations = declarations
        self._clock = clock
        self._backoff = backoff
        self._jitter = jitter
        self._measure = measure
        self._lanes: dict[Key, Lane] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._complete = False

    async def run(self) -> None:
        """
        Follow the declarations until cancelled.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._steps.collect.run(self.known), name="collect")
            async with aclosing(self._declarations.watch()) as notices:
                async for notice in notices:
                    self._take(notice, group)

    def known(self) -> Known | None:
        """
        Return all sources and the artifacts that they refer to; None until all are known.
        """
        if not self._complete:
            return None
        try:
            found = [current(about(lane.obj)) for lane in self._lanes.values()]
        except StalledError as exc:
            # Nobody can say what this one refers to: nothing is known to be unused.
            log.info("a status cannot be read", error=exc.message)
            return None
        return set(self._lanes), frozenset(item.digest for item in found if item is not None)

    def command(self, command: Command) -> None:
        """
        Look now at what a command names; a source without a lane is looked at when it has one.
        """
        lane = self._lanes.get((command.namespace, command.name))
        if lane is None or command.uid not in ("", lane.obj["metadata"].get("uid")):
            return
        if command.action == "republish":
            lane.announced = None
            lane.deep = True
        log.info("asked to look", namespace=command.namespace, name=command.name, by=command.cause)
        lane.poke()

    def renew(self, *, wiped: bool) -> None:
        """
        Bring to the bus what it does not have: all of it after a wipe, else what waited for it.
        """
        for lane in self._lanes.values():
            if wiped:
                lane.announced = None
            if wiped or lane.failures or lane.unannounced:
                lane.poke()

    def _take(self, notice: Notice, group: asyncio.TaskGroup) -> None:
        match notice:
            case Snapshot(objects):
                present = {key_of(obj): obj for obj in objects}
                for key in set(self._lanes) - set(present):
                    self._drop(key)
                for obj in objects:
                    self._see(obj, group)
                self._complete = True
            case Seen(obj):
                self._see(obj, group)
            case Gone(obj):
                self._drop(key_of(obj))
            case _:
                assert_never(notice)

    def _see(self, obj: Json, group: asyncio.TaskGroup) -> None:
        key = key_of(obj)
        if key in self._lanes:
            self._lanes[key].see(obj)
            return
        self._lanes[key] = lane = Lane(obj, self._clock)
        self._tasks[key] = group.create_task(self._serve(key, lane), name="/".join(key))

    def _drop(self, key: Key) -> None:
        if self._lanes.pop(key, None) is not None:
            self._tasks.pop(key).cancel()
            self._measure(key, None)

    async def _serve(self, key: Key, lane: Lane) -> None:
        bound = logs.bind_object(log, group=GROUP, kind=KIND, namespace=key[0], name=key[1])
        while True:
            await lane.wait()
            began = self._clock.monotonic()
            try:
                async with lane.until_overtaken():
                    lane.again(await self._pass(lane, bound))
            except SetpointError as exc:
                lane.failures += 1
                conflict = isinstance(exc, Conflict) and lane.failures <= _CONFLICTS
                delay = self._backoff.delay(lane.failures, random.random(), exc.retry_after)  # noqa: S311 - spreads load
                lane.again(0.0 if conflict else delay)
                bound.info("pass not finished", reason=exc.reason, error=exc.message)
                await self._refresh(key, lane)
            except Exception:  # noqa: BLE001 - logged with its trace
                # One source that trips over a defect of ours must not stop the others.
                lane.failures += 1
                lane.again(self._backoff.delay(lane.failures, 1.0))
                bound.exception("pass crashed")
            self._measure(key, self._clock.monotonic() - began)

    async def _refresh(self, key: Key, lane: Lane) -> None:
        # Most failures of a pass itself are conflicts: the next one needs the newest version.
        with suppress(SetpointError):
            obj = await self._declarations.read(*key)
            if obj is not None:
                lane.see(obj)

    async def _pass(self, lane: Lane, bound: logs.Logger) -> float | None:
        """
        Take one look and return the seconds until the next; None waits for a change.
        """
        meta = about(lane.working).metadata
        if meta.deletion_timestamp:
            # The artifact goes when nobody has referred to it for a while.
            lane.wrote(await self._declarations.set_finalizer(lane.working, present=False))
            return None
        if FINALIZER not in meta.finalizers:
            lane.wrote(await self._declarations.set_finalizer(lane.working, present=True))
        try:
            repo = GitRepository.read(lane.working)
        except StalledError as exc:
            lane.wrote(await self._steps.publish.stalled(lane.working, exc))
            bound.error("stalled", reason=exc.reason, error=exc.message)
            return await self._announce(lane, None, bound)
        if repo.spec.suspend:
            return await self._rest(lane, repo, bound)
        await self._begin(lane, repo)
        delay = await self._look(lane, bound)
        delay = await self._announce(lane, delay, bound)
        await self._compare(lane, bound)
        return delay

    async def _rest(self, lane: Lane, repo: GitRepository, bound: logs.Logger) -> float | None:
        # The origin is not looked at; the artifact that there is stays for everybody.
        with lane.depth() as deep:
            there = await self._steps.fetch.have(repo, deep=deep)
        if there:
            lane.wrote(await self._steps.publish.suspended(lane.working))
            return await self._announce(lane, None, bound)
        lane.wrote(await self._steps.publish.lost(lane.working))
        bound.error("artifact lost while suspended")
        return None

    async def _compare(self, lane: Lane, bound: logs.Logger) -> None:
        # Nobody waits for this: the revision is out, and the status keeps the one before it.
        try:
            repo = GitRepository.read(lane.working)
            push = pushed(repo, now=self._clock.now())
            if push is None or push == lane.compared:
                return
            if await self._steps.fetch.rewrote(repo, *push):
                await self._steps.publish.rewritten(lane.working, *push)
                bound.info("history rewritten", old=str(push[0]), new=str(push[1]))
            lane.compared = push
        except SetpointError as exc:  # the next pass asks again
            bound.info("history not compared", reason=exc.reason, error=exc.message)

    async def _begin(self, lane: Lane, repo: GitRepository) -> None:
        generation = repo.metadata.generation
        renewed = generation not in (repo.status.observed_generation, lane.begun_generation)
        if renewed or repo.requested_at != repo.status.last_handled_reconcile_at:
            lane.wrote(await self._steps.publish.begin(lane.working))
        lane.begun_generation = generation

    async def _look(self, lane: Lane, bound: logs.Logger) -> float | None:
        obj, publish = lane.working, self._steps.publish
        repo = GitRepository.read(obj)
        with lane.depth() as deep:
            found = await self._find(repo, deep=deep)
        match found:
            case Unchanged():
                lane.wrote(await publish.unchanged(obj))
            case Checkout():
                lane.wrote(await publish.stored(obj, found))
                bound.info("artifact stored", revision=str(found.revision), files=found.files)
            case Refused(error):
                lane.wrote(await publish.stalled(obj, error))
                bound.error("stalled", reason=error.reason, error=error.message)
                return None
            case Failure(error=error) as failure:
                lane.wrote(await publish.failed(obj, failure))
                lane.failures += 1
                bound.error("look failed", reason=error.reason, error=error.message)
                return self._backoff.delay(lane.failures, random.random(), error.retry_after)  # noqa: S311 - spreads load
            case never:
                assert_never(never)
        lane.failures = 0
        return steady(repo.spec.interval_seconds, random.random(), self._jitter)  # noqa: S311 - spreads load

    async def _find(
        self, repo: GitRepository, *, deep: bool
    ) -> Unchanged | Checkout | Refused | Failure:
        try:
            found = await self._steps.fetch(repo, deep=deep)
        except StalledError as exc:
            return Refused(exc)
        except SetpointError as exc:
            archive = exc.reason == _ARCHIVE_FAILED
            head = next(iter(getattr(exc, "__notes__", ())), "")
            return Failure(
                condition=STORAGE_FAILED if archive else FETCH_FAILED, error=exc, head=head
            )
        if isinstance(found, Checkout):
            try:
                await self._steps.publish.put(found)
            except SetpointError as exc:
                return Failure(condition=STORAGE_FAILED, error=exc, head=str(found.revision))
        return found

    async def _announce(self, lane: Lane, delay: float | None, bound: logs.Logger) -> float | None:
        artifact = current(about(lane.working))
        if artifact == lane.announced:
            return delay
        try:
            await self._steps.publish.announce(lane.working)
        except SetpointError as exc:
            # Readers find the artifact in the status; the bus hears of it when it is back.
            lane.unannounced += 1
            bound.info("not announced", reason=exc.reason, error=exc.message)
            again = self._backoff.delay(lane.unannounced, random.random())  # noqa: S311 - spreads load
            return again if delay is None else min(delay, again)
        lane.announced, lane.unannounced = artifact, 0
        return delay
