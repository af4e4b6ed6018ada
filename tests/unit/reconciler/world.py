"""
A reconciler in memory: the outside stays, processes come and go, passes are made one by one.
"""

from contextlib import suppress

import yaml

from services.reconciler.core.inventory import InventoryCorruptError
from services.reconciler.core.ownership import owner_labels
from services.reconciler.core.receipt import decode
from services.reconciler.core.sources import Source
from services.reconciler.declaration import Declaration
from services.reconciler.lane import Lane
from services.reconciler.lanes import Lanes
from services.reconciler.ports import Ports
from services.reconciler.reconcile import Reconcile
from services.reconciler.wiring import join
from shared.model import Conditions, ObjectKey
from tests.fakes.clock import FakeClock
from tests.fakes.reconciler.api import FakeApi, merged
from tests.fakes.reconciler.mortal import Killed, Switch
from tests.fakes.reconciler.ports import (
    FakeArtifacts,
    FakeCluster,
    FakeDeclarations,
    FakeReceipts,
    FakeRenderer,
    FakeReporter,
    kustomization_key,
)

KEY = b"k" * 32
PASSES = 6  # of one process until nothing is left to do


def config(name, namespace="ns", **data):
    metadata = {"name": name, "namespace": namespace}
    data = data or {"a": "1"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def config_key(name, namespace="ns"):
    return ObjectKey(group="", kind="ConfigMap", namespace=namespace, name=name)


class World:
    """
    What outlives a process: API server, bus, clock.
    """

    def __init__(self, clock=None):
        self.clock = clock or FakeClock()
        self.api = FakeApi("ns")
        self.cluster = FakeCluster(self.api)
        self.declarations = FakeDeclarations(self.api)
        self.artifacts = FakeArtifacts(self.clock)
        self.receipts = FakeReceipts()
        self.reporter = FakeReporter()
        self.source = None

    def declare(self, name="app", annotations=None, **spec):
        meta = {"name": name, "namespace": "ns"}
        body = {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            # None are not an empty map: for the fake that would be the end of others'.
            "metadata": meta | {"annotations": annotations} if annotations else meta,
            "spec": {
                "interval": "1h",
                "retryInterval": "1m",
                "path": "./",
                "prune": True,
                "sourceRef": {"kind": "GitRepository", "name": "repo"},
                **spec,
            },
        }
        return self.api.apply(body, manager="test")

    def push(self, *objects, **files):
        """
        Store a revision of these objects, one file each, and of other files.
        """
        named = {f"{obj['metadata']['name']}.yaml": yaml.safe_dump(obj) for obj in objects}
        digest, index_digest = self.artifacts.put(named | files)
        sequence = self.source.sequence + 1 if self.source else 1
        self.source = Source(
            kind="GitRepository",
            namespace="ns",
            name="repo",
            uid="source-1",
            sequence=sequence,
            revision=f"main@sha1:{sequence:040x}",
            digest=str(digest),
            index_digest=str(index_digest),
        )
        return self.source

    def start(self, switch=None):
        return Process(self, switch or Switch())

    def declared(self, name="app"):
        return self.api.find(kustomization_key("ns", name))

    def status(self, name="app"):
        return (self.declared(name) or {}).get("status") or {}

    def write_status(self, patch, name="app"):
        """
        Write a status as another process would.
        """
        obj = self.declared(name)
        obj["status"] = merged(obj.get("status"), patch)
        return self.api.store(kustomization_key("ns", name), obj)

    def condition(self, type_="Ready", name="app"):
        found = Conditions.from_json(self.status(name).get("conditions")).get(type_)
        return (found.status, found.reason) if found else None

    def message(self, type_="Ready"):
        return Conditions.from_json(self.status().get("conditions")).get(type_).message

    def recorded(self, name="app"):
        declared = self.declared(name)
        return {key.name for key in Declaration(declared).recorded} if declared else set()

    def configs(self):
        return {
            key.name: obj["data"]
            for key, obj in self.api.objects.items()
            if key.kind == "ConfigMap"
        }

    def versions(self):
        return {
            key: obj["metadata"]["resourceVersion"]
            for key, obj in self.api.objects.items()
            if key.kind == "ConfigMap"
        }


class Process:
    """
    One start of the reconciler, with a lane for each Kustomization that it finds.
    """

    def __init__(self, world, switch):
        self.world, self.switch, clock = world, switch, world.clock
        guard = switch.guard
        self.cluster = guard(world.cluster)
        self.declarations = guard(world.declarations)
        self.receipts = guard(world.receipts)
        self.reporter = guard(world.reporter)
        self.renderer = guard(FakeRenderer())
        self.lanes = Lanes()
        steps = join(
            Ports(
                cluster=self.cluster,
                declarations=self.declarations,
                artifacts=guard(world.artifacts),
                renderer=self.renderer,
                receipts=self.receipts,
                reporter=self.reporter,
            ),
            self.lanes,
            self.owners,
            secret_key=KEY,
            clock=clock,
        )
        self.report, self.apply, self.prune = steps.report, steps.apply, steps.prune
        self.revert, self.conclude = steps.revert, steps.conclude
        self.halt, self.fallback = steps.halt, steps.fallback
        self.reconcile = Reconcile(steps, self.lanes, no_cross_namespace_refs=False, clock=clock)
        self.hear()

    async def owners(self, keys):
        """
        Tell the owner's labels of what is there, as the watches do.
        """
        live = {key: self.world.api.find(key) for key in keys}
        labels = {
            key: owner_labels(obj["metadata"].get("labels")) for key, obj in live.items() if obj
        }
        return {key: found for key, found in labels.items() if found}

    def hear(self):
        """
        Take the newest word about the source.
        """
        if self.world.source is not None:
            self.lanes.saw_source(self.world.source)

    async def lane(self, name="app"):
        """
        Begin a lane as the service does: receipts, inventory, and what is there of it.
        """
        found = self.lanes.get("ns", name)
        if found is not None:
            found.redeclare(self.world.declared(name))
            return found
        lane = Lane(self.world.declared(name), clock=self.world.clock)
        with suppress(InventoryCorruptError):
            lane.inventory = lane.recorded
        self.lanes.add(lane)
        for key in lane.inventory:
            lane.notice(key, self.world.api.find(key), listed=True)
        lane.remember(decode(await self.receipts.load("ns", name)))
        return lane

    async def once(self, name="app"):
        """
        Make one pass.
        """
        self.hear()
        lane = await self.lane(name)
        lane.answering = lane.requested_at
        return await self.reconcile.run(lane)

    async def settle(self, name="app"):
        """
        Make passes until one ends that asks for no other at once.
        """
        for _ in range(PASSES):
            if self.world.declared(name) is None:
                return None
            ended = await self.once(name)
            if ended.later is not None:
                lane = await self.lane(name)
                await self.report.save(lane)
                await self.report.write(lane, ended.later)
            if ended.delay is None:
                return ended
        raise AssertionError(f"no end after {PASSES} passes")

    async def follow(self, name="app"):
        """
        Look at health as the lane does when it moved.
        """
        lane = await self.lane(name)
        return await self.conclude.follow(lane, lane.read())


async def survives(process, name="app"):
    """
    Run a process until it rests; say whether it lived.
    """
    try:
        await process.settle(name)
    except Killed:
        return False
    except BaseExceptionGroup as group:
        if group.subgroup(Killed) is None:
            raise
        return False
    return not process.switch.dead


async def dies_before_its_receipts(world):
    """
    Let a process apply another content than before, and die before it has saved that.
    """
    process = world.start()

    async def die():
        process.switch.die()

    process.switch.on_its_way("Receipts.save", 2, die)  # the first takes the old ones back
    assert not await survives(process)
    world.reporter.told.clear()
