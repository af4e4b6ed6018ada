"""
The Lease by which a service runs once in its cluster.

It keeps two healthy processes from working against each other; what stops a sick one is the API
server, by preconditions. So all deadlines here are on the monotonic clock, and ours counts from
before the request that renewed the Lease.
"""

from datetime import datetime
from typing import Protocol

import structlog

from shared.kube.errors import Conflict, KubeError
from shared.kube.objects import Json, Objects
from shared.kube.resource import Resource
from shared.kube.tenure import (
    RENEW_DEADLINE,
    RETRY,
    Held,
    Missing,
    Observer,
    Takeable,
    released,
    taken,
)

LEASES = Resource(
    group="coordination.k8s.io",
    version="v1",
    plural="leases",
    kind="Lease",
    namespaced=True,
)

log = structlog.get_logger()


class Clock(Protocol):
    """
    The two clocks, as the runtime has them.
    """

    def now(self) -> datetime:
        """
        Return the wall time in UTC.
        """

    def monotonic(self) -> float:
        """
        Return seconds that never go back.
        """

    async def sleep(self, seconds: float) -> None:
        """
        Wait.
        """


class Cluster(Protocol):
    """
    A cluster with a session apart, so that no work can keep a renewal waiting.
    """

    @property
    def apart(self) -> Objects:
        """
        Return the session for Leases.
        """


class Lease:
    """
    One service's Lease: acquire it, renew it, give it back.

    ``held`` is the answer to "may I write now?".
    """

    def __init__(
        self, kube: Cluster, *, name: str, namespace: str, holder: str, clock: Clock
    ) -> None:
        self._objects = kube.apart
        self._name = name
        self._namespace = namespace
        self._holder = holder
        self._clock = clock
        self._observer = Observer(holder)
        self._lease: Json | None = None
        self._deadline = float("-inf")
        self.other = ""  # who holds it, if we do not
        self._unanswered = False  # our last attempt, by the API server
        self._problem = ""

    @property
    def held(self) -> bool:
        """
        Say whether the Lease was renewed within the renew deadline.
        """
        return self._clock.monotonic() < self._deadline

    @property
    def elsewhere(self) -> bool:
        """
        Say whether another one has the Lease, as far as anybody can tell.

        While the API server does not answer nobody can take it: what we see is ours to tell.
        """
        return not self.held and not self._unanswered

    async def acquire(self) -> None:
        """
        Wait until the Lease is ours; whoever has it is named in the log and in ``other``.
        """
        while not await self.attempt():
            await self._clock.sleep(RETRY)

    async def renewing(self) -> None:
        """
        Renew for ever; what was lost is taken again when it can be.
        """
        holding = self.held
        while True:
            await self._clock.sleep(RETRY)
            held = await self.attempt()
            if holding and not held:
                log.error("lease lost", lease=str(self), held_by=self.other or "nobody")
            holding = held

    async def attempt(self) -> bool:
        """
        Take or renew once; say whether the Lease is ours until the next deadline.
        """
        began = self._clock.monotonic()
        try:
            try:
                done = await self._write(await self._read())
            except Conflict:
                self._lease = None  # somebody was faster: look at once who it is
                done = await self._write(await self._read())
        except Conflict:
            self._lease, self._unanswered = None, False
            return self.held
        except KubeError as exc:
            self._lease, self._unanswered = None, True
            self._tell(exc.message)
            return self.held
        self._unanswered = False
        if done:
            self._deadline = began + RENEW_DEADLINE
            self.other = ""
            self._tell("")
        return done

    async def release(self) -> None:
        """
        Stop holding at once, and let another have the Lease without waiting.
        """
        held, self._deadline = self.held, float("-inf")
        self._lease = None  # a renewal may have been cancelled after the server did it: read
        if not held:
            return
        try:
            lease = await self._objects.get(LEASES, self._namespace, self._name)
            if lease and lease["spec"].get("holderIdentity") == self._holder:
                await self._objects.merge_patch(
                    LEASES, self._namespace, self._name, released(lease), manager=self._name
                )
        except KubeError as exc:
            log.warning("lease not released", lease=str(self), error=exc.message)

    async def _read(self) -> Json | None:
        """
        Return the Lease; one that we wrote is known, and its resourceVersion guards it.
        """
        if self._lease is not None:
            return self._lease
        return await self._objects.get(LEASES, self._namespace, self._name)

    async def _write(self, before: Json | None) -> bool:
        verdict = self._observer.judge(before, monotonic=self._clock.monotonic())
        wanted = taken(
            self._name, self._namespace, self._holder, before=before, now=self._clock.now()
        )
        match verdict:
            case Held(holder=holder, remaining=remaining):
                self.other = holder
                self._deadline = float("-inf")
                self._tell(f"held by {holder}, at most {remaining:.0f} s more if it is gone")
                return False
            case Missing():
                self._lease = await self._objects.create(LEASES, wanted, manager=self._name)
            case Takeable():
                self._lease = await self._objects.merge_patch(
                    LEASES, self._namespace, self._name, wanted, manager=self._name
                )
        return True

    def _tell(self, problem: str) -> None:
        """
        Log a problem once, when it begins or changes.
        """
        kind = problem.partition(",")[0]
        if kind and kind != self._problem:
            log.warning("waiting for the lease", lease=str(self), why=problem)
        self._problem = kind

    def __str__(self) -> str:
        return f"{self._namespace}/{self._name}"

    def __repr__(self) -> str:
        return f"Lease({self}, held={self.held}, other={self.other!r})"
