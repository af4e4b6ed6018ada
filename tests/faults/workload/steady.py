"""
The workload: commits, changes by other hands and edits of Kustomizations, by a seeded choice.
"""

import asyncio
import base64
import json
import random
import secrets
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from cli.up.declare import resource_of
from shared.errors import SetpointError
from shared.kube import Resource
from tests.faults.system import System
from tests.faults.system.declared import NAMESPACE
from tests.faults.workload import layout
from tests.faults.workload.journal import Commit, Journal, Json, Key, Touch, Wish

# Reverts of one object after which the system takes it for a fight, and how long it remembers.
PEACE, MEMORY = 3, 300.0
HANDS = ("hand", "hand", "hand", "kubectl-edit")  # the last one's fields are taken over for good
API = {"apps": "apps/v1", "rbac.authorization.k8s.io": "rbac.authorization.k8s.io/v1", "": "v1"}
_UNREADABLE = f"{layout.FRAGILE}/unreadable.yaml"
SUSPENDED = 2  # Kustomizations at once
BROKEN, WHOLE = 6.0, 12.0  # seconds that the fragile folder is broken, and that it is not


class Workload:
    """
    Does things to a system and writes them down in ``journal``.

    Args:
        system: What is worked on, past the proxies.
        seed: The same seed makes the same choices; when they come is up to the machine.
        pace: Mean seconds between two doings.

    """

    def __init__(self, system: System, *, seed: int | None = None, pace: float = 0.25) -> None:
        self.system = system
        self.journal = Journal()
        self.seed = secrets.randbits(32) if seed is None else seed
        self.pace = pace
        self.canary = f"canary-{secrets.token_hex(15)}"
        self.journal.canaries |= {self.canary, *system.tokens.values()}
        self.done: defaultdict[str, int] = defaultdict(int)
        self.random = random.Random(self.seed)
        self.slots = {one.path: one for one in layout.slots(self.canary)}
        # Nobody chooses what breaks a folder by chance.
        self._places = {**self.slots, layout.REFUSED: layout.refused()}
        self._present: dict[str, Json] = {}
        self._broken: frozenset[str] = frozenset()
        self._breaks = 0  # how often the fragile folder was broken
        self._turned = 0.0  # when the fragile folder was last broken or mended
        self._unsure: dict[str, Json | None] = {}  # specs whose wish was not answered
        self._touched: defaultdict[Key, deque[float]] = defaultdict(deque)
        self._resources: dict[str, Resource] = {}
        self._committing = asyncio.Lock()
        self._wishing = asyncio.Lock()  # from the look at a wish to its change
        self._ended = False

    async def begin(self) -> None:
        """
        Make the first commit and declare the Kustomizations.
        """
        first = [path for path, slot in self.slots.items() if slot.at_first]
        await self.commit(first)
        for name, spec in layout.kustomizations().items():
            await self.declare(name, spec)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """
        Work while the block runs; then leave nothing suspended or broken.
        """
        self._ended = False
        task = asyncio.create_task(self._run(), name="workload")
        try:
            yield
        finally:
            # Not cancelled: what is done in the cluster has to come into the journal.
            self._ended = True
            await task
        await self.settle()

    async def settle(self) -> None:
        """
        Resume what is suspended, mend what is broken.
        """
        while self._unsure:
            await asyncio.sleep(self.pace)
            with suppress(SetpointError):
                await self._make_sure()
        for name in self.journal.kustomizations():
            await self.resume(name)
        if self._broken:
            await self.turn()

    async def _run(self) -> None:
        doings = {
            self.change: 20, self.touch: 30, self.edit: 10, self.suspend: 6, self.guest: 2,
            self.system.poke: 5,
        }  # fmt: skip
        while not self._ended:
            await asyncio.sleep(self.random.uniform(0, 2 * self.pace))
            [doing] = self.random.choices(list(doings), list(doings.values()))
            # Who works on something that somebody else changes or deletes is refused: so be it.
            with suppress(SetpointError):
                await self._make_sure()
                await doing()
                self.done[doing.__name__] += 1
            if time.time() - self._turned > (BROKEN if self._broken else WHOLE):
                await self.turn()

    # What is committed.

    async def change(self) -> None:
        """
        Change, add or remove a few objects in one commit.
        """
        changed: list[str] = []
        removed: list[str] = []
        for _ in range(self.random.randint(1, 4)):
            path = self.random.choice(sorted(self.slots))
            slot = self.slots[path]
            if slot.folder == layout.FRAGILE and self._unreadable:
                continue  # nobody would see it
            here = [one for one in self._present if one.startswith(f"{slot.folder}/")]
            keep = slot.folder in {layout.BASE, layout.WEB} or len(here) <= layout.LOWEST
            if path in self._present and not keep and self.random.random() < 0.25:
                removed.append(path)
            else:
                changed.append(path)
        await self.commit(changed, [path for path in removed if path not in changed])

    async def turn(self, *, readable: bool | None = None) -> None:
        """
        Break the fragile folder, or mend it.

        It is broken in turns by an object that is refused, while the others are applied, and by a
        file that nobody can read: then what was there before stays, and is healed. ``readable``
        says which.
        """
        readable = not self._breaks % 2 if readable is None else readable
        if self._broken:
            await self.commit([], [layout.REFUSED], broken=frozenset(), readable=True)
        elif not readable:
            await self.commit([], broken=frozenset({layout.FRAGILE}), readable=False)
        else:
            await self.commit([layout.REFUSED], broken=frozenset({layout.FRAGILE}))
        self._breaks += bool(self._broken)
        self._turned = time.time()

    async def commit(
        self,
        changed: list[str],
        removed: list[str] | None = None,
        *,
        broken: frozenset[str] | None = None,
        readable: bool | None = None,
    ) -> Commit:
        """
        Make the objects at some paths new and remove others, in one commit.

        Args:
            changed: Paths.
            removed: Paths.
            broken: The folders that are broken from now on.
            readable: Whether the fragile folder can be read from now on.

        """
        async with self._committing:
            number = len(self.journal.commits) + 1
            files: dict[str, str | bytes | None] = {}
            for path in changed:
                self._present[path] = self._places[path].make(number)
                files[path] = json.dumps(self._present[path])
            for path in dict.fromkeys(removed or ()):
                if self._present.pop(path, None) is not None:
                    files[path] = None
            if broken is not None:
                self._broken = broken
            if readable is False:
                files[_UNREADABLE] = "kind: [ConfigMap"
            elif readable and self._unreadable:
                files[_UNREADABLE] = None
            at = time.time()
            sha = await asyncio.to_thread(self._prepare, files, f"Commit {number}")
            made = Commit(
                number=number, at=at, sha=sha, files=dict(self._present), broken=self._broken
            )
            # Whoever sees the commit finds it in the journal.
            self.journal.add(made)
            await asyncio.to_thread(self._push)
            return made

    async def rewind(self, count: int) -> Commit:
        """
        Let the branch go back by so many commits: what was then is what ought to be now.
        """
        async with self._committing:
            commits = self.journal.commits
            old = commits[-1 - count]
            self._present, self._broken = dict(old.files), old.broken
            await asyncio.to_thread(self.system.git.repo.git, "reset", "--quiet", "--hard", old.sha)
            made = replace(old, number=len(commits) + 1, at=time.time(), back=True)
            self.journal.add(made)
            await asyncio.to_thread(self._push)
            return made

    @property
    def _unreadable(self) -> bool:
        return (self.system.git.repo.work / _UNREADABLE).exists()

    def _prepare(self, files: dict[str, str | bytes | None], message: str) -> str:
        repo = self.system.git.repo
        repo.write(files)
        repo.git("add", "-A")
        repo.git("commit", "--quiet", "--allow-empty", "-m", message)
        return repo.git("rev-parse", "HEAD")

    def _push(self) -> None:
        repo = self.system.git.repo
        repo.git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{repo.branch}")

    # What others do to live objects.

    async def touch(self) -> None:
        """
        Edit, scale or delete an object as somebody else, if that is not too often.
        """
        found = self.journal.expected()
        whole = [key for key in sorted(found) if self.may_touch(key, found[key][0])]
        if not whole:
            return
        key = self.random.choice(whole)
        self._touched[key].append(time.time())
        if self.random.random() < 0.3:
            await self.remove(key)
        else:
            await self.alter(key, self.random.choice(HANDS))

    def may_touch(self, key: Key, owner: str) -> bool:
        """
        Say whether another hand may change an object without being taken for a fight.
        """
        if key.kind == "Namespace" or owner == layout.WEB:
            return False
        recent = self._touched[key]
        while recent and recent[0] < time.time() - MEMORY:
            recent.popleft()
        return len(recent) < PEACE

    async def alter(self, key: Key, manager: str = "hand") -> None:
        """
        Change something that is declared.
        """
        patch = self._other(key)
        resource = await self.resource(key)
        live = await self.system.kube.merge_patch(
            resource, key.namespace, key.name, patch, manager=manager
        )
        meta = live["metadata"]
        self.journal.touches.append(
            Touch(
                key=key,
                at=time.time(),
                uid=meta["uid"],
                version=int(meta["resourceVersion"]),
                manager=manager,
            )
        )

    def _other(self, key: Key) -> Json:
        text = f"touched-{self.random.randrange(10**9)}"
        if key.kind == "Deployment":
            return {"spec": {"replicas": self.random.randint(1, 3)}}
        if key.kind == "Secret":
            self.journal.canaries.add(self.canary)
            value = base64.b64encode(f"{self.canary}-{text}".encode()).decode()
            return {"data": {"password": value}}
        if key.kind == "ConfigMap" and not key.name.endswith("-i"):
            return {"data": {"value": text}}
        return {"metadata": {"labels": {"tier": text}}}

    async def remove(self, key: Key) -> None:
        """
        Delete an object.
        """
        resource = await self.resource(key)
        live = await self.system.kube.get(resource, key.namespace, key.name)
        if live is None:
            return
        uid = live["metadata"]["uid"]
        # Before it is gone: whoever sees it go finds it in the journal.
        self.journal.touches.append(Touch(key=key, at=time.time(), uid=uid, deleted=True))
        await self.system.kube.delete(resource, key.namespace, key.name, uid=uid)

    async def resource(self, key: Key) -> Resource:
        about: Any = {"apiVersion": API[key.group], "kind": key.kind}
        if key.kind not in self._resources:
            self._resources[key.kind] = await resource_of(self.system.kube, about)
        return self._resources[key.kind]

    # What is wished of Kustomizations.

    async def edit(self) -> None:
        """
        Give a Kustomization another interval.
        """
        async with self._wishing:
            name = self.random.choice(sorted(self.journal.kustomizations()))
            wish = self.journal.kustomizations()[name]
            interval = f"{self.random.randint(10, 20)}s"
            await self.declare(name, {**(wish.spec or {}), "interval": interval})

    async def suspend(self) -> None:
        """
        Suspend a Kustomization, or resume the one whose wish is oldest.
        """
        async with self._wishing:
            found = self.journal.kustomizations()
            asleep = [name for name, one in found.items() if (one.spec or {}).get("suspend")]
            if len(asleep) >= SUSPENDED:
                name, wanted = min(asleep, key=lambda one: found[one].at), False
            else:
                name, wanted = self.random.choice(sorted(found.keys() - set(asleep))), True
            await self.declare(name, {**(found[name].spec or {}), "suspend": wanted})

    async def resume(self, name: str) -> None:
        """
        Resume a Kustomization, if it is there and suspended.
        """
        async with self._wishing:
            wish = self.journal.kustomizations().get(name)
            if wish is not None and (wish.spec or {}).get("suspend"):
                await self.declare(name, {**(wish.spec or {}), "suspend": False})

    async def guest(self) -> None:
        """
        Let the guest come, or go.
        """
        async with self._wishing:
            wish = self.journal.kustomizations().get(layout.GUEST)
            if wish is not None:
                # One that is deleted while it is suspended leaves its objects behind.
                if not (wish.spec or {}).get("suspend"):
                    await self.dismiss(layout.GUEST)
            elif not await self._there(layout.GUEST):
                needs = [{"name": layout.BASE}]
                spec = layout.spec(layout.GUEST, layout.space(2), dependsOn=needs)
                await self.declare(layout.GUEST, spec)

    async def _there(self, name: str) -> bool:
        resource = await resource_of(self.system.kube, layout.kustomization(name, {}))
        return await self.system.kube.get(resource, NAMESPACE, name) is not None

    async def declare(self, name: str, spec: Json) -> None:
        """
        Declare a Kustomization so.
        """
        at, self._unsure[name] = time.time(), spec
        await self.system.apply(layout.kustomization(name, spec))
        self.journal.wishes.append(Wish(name=name, at=at, spec=spec))
        self._unsure.pop(name, None)

    async def dismiss(self, name: str) -> None:
        """
        Delete a Kustomization.
        """
        obj = layout.kustomization(name, {})
        self.journal.wishes.append(Wish(name=name, at=time.time(), spec=None))
        self._unsure[name] = None
        await self.system.kube.delete(await resource_of(self.system.kube, obj), NAMESPACE, name)
        self._unsure.pop(name, None)

    async def _make_sure(self) -> None:
        """
        Wish again what nobody answered: it may have been heard or not.
        """
        async with self._wishing:
            for name, spec in list(self._unsure.items()):
                await (self.dismiss(name) if spec is None else self.declare(name, spec))
