"""
Delete what is recorded and no longer desired, each object only after a look at the live one.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import assert_never

from services.reconciler.core.order import delete_order, stage_of
from services.reconciler.core.prunable import AlreadyGone, Delete, Skip, decide_prune
from services.reconciler.lane import Lane
from services.reconciler.ports import Cluster
from shared.errors import SetpointError
from shared.model import ObjectKey
from shared.runtime import point


@dataclass(slots=True)
class Pruned:
    """
    What a prune did: ``gone`` are not ours to record any more, ``failed`` stay recorded.

    A deletion that the API server accepted for this uid cannot be taken back: it counts as done.
    """

    deleted: list[ObjectKey] = field(default_factory=list)
    gone: dict[ObjectKey, str] = field(default_factory=dict)
    failed: dict[ObjectKey, str] = field(default_factory=dict)


class Prune:
    """
    The step that deletes managed objects.
    """

    def __init__(self, cluster: Cluster, *, parallel: int) -> None:
        self._cluster = cluster
        self._parallel = asyncio.Semaphore(parallel)

    async def run(self, lane: Lane, keys: Iterable[ObjectKey]) -> Pruned:
        """
        Delete ``keys`` in the reverse order of their applies.
        """
        done = Pruned()
        stale = frozenset(keys)
        applied = frozenset(
            receipt.uid for key, receipt in lane.memory.receipts.items() if key not in stale
        )
        inhabited = frozenset(key.namespace for key in lane.memory.desired if key.namespace)
        for _, stage in groupby(delete_order(stale), key=stage_of):
            async with asyncio.TaskGroup() as group:
                for key in stage:
                    holds = (key.group, key.kind) == ("", "Namespace") and key.name in inhabited
                    group.create_task(self._one(lane, key, applied, done, holds_applied=holds))
        return done

    async def all(self, lane: Lane, keys: Iterable[ObjectKey]) -> dict[ObjectKey, str]:
        """
        Delete everything of a Kustomization that ends; return what could not be deleted, and why.
        """
        lane.memory.receipts.clear()
        lane.memory.desired.clear()
        return dict((await self.run(lane, keys)).failed)

    async def _one(
        self,
        lane: Lane,
        key: ObjectKey,
        applied: frozenset[str],
        done: Pruned,
        *,
        holds_applied: bool,
    ) -> None:
        async with self._parallel:
            try:
                live = await self._cluster.get(key)
                decision = decide_prune(
                    live, lane.owner, applied_uids=applied, holds_applied=holds_applied
                )
                match decision:
                    case Delete(uid=uid, resource_version=version):
                        await self._cluster.delete(key, uid=uid, resource_version=version)
                        point("reconciler.pruned")
                        done.deleted.append(key)
                    case Skip(reason=reason, settled=True):
                        done.gone[key] = reason
                    case Skip(reason=reason):
                        done.failed[key] = reason
                    case AlreadyGone():
                        done.gone[key] = "is not there"
                    case _:
                        assert_never(decision)
            except SetpointError as exc:
                done.failed[key] = exc.message
