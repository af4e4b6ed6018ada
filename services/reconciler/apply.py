"""
Apply what is desired, stage by stage; objects of a stage do not depend on each other.

A refusal is recorded for its object; everything goes on but what needs the refused one: its
namespace, or the definition of its kind. A webhook that does not answer takes up to half a minute
for each object: a pass tries a few, and their next tries keep aside of everybody else's.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.reconciler.core.health import Status
from services.reconciler.core.ignore_rules import to_send
from services.reconciler.core.manifest import Desired
from services.reconciler.core.options import Ssa, options_of
from services.reconciler.core.order import blocked_by, stages
from services.reconciler.core.ownership import fold
from services.reconciler.core.plan import Action, action_of
from services.reconciler.core.receipt import receipt_from_response, token_of
from services.reconciler.lane import Lane
from services.reconciler.ports import Cluster, Json
from shared.errors import NOT_LEADER, SetpointError, StalledError, TransientError
from shared.model import ObjectKey
from shared.runtime import point

_ESTABLISH = 10.0  # seconds for a definition to be established; it takes about 0.2
_FOLD_TRIES = 5  # a controller that has just seen a new object writes its status two or three times
_GONE = 30.0  # seconds for an object to go that is replaced
_ASK_AGAIN = 0.1  # seconds until discovery is asked again for a kind just defined
_UNANSWERED = "WebhookUnavailable"  # the reason of a refusal for which a webhook is to blame
_TRIES = 4  # objects of a kind whose webhook does not answer, until a pass sends no more of them
_ASIDE = 8  # of those tried at once, of all lanes; the turns of the others stay free
_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
GroupKind = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """
    Why an object was not applied; ``final`` if only a change of the origin can mend it.
    """

    message: str
    final: bool = False


@dataclass(slots=True)
class Applied:
    """
    What an apply did, object by object.
    """

    actions: dict[ObjectKey, Action] = field(default_factory=dict)
    refused: dict[ObjectKey, Refused] = field(default_factory=dict)
    cut: bool = False  # something newer came: the rest was not sent
    fenced: SetpointError | None = None  # the Lease was lost: nothing is wrong with the objects
    accepted: set[GroupKind] = field(default_factory=set)
    unanswered: Counter[GroupKind] = field(default_factory=Counter)

    def hopeless(self, kind: GroupKind) -> bool:
        """
        Say whether the webhooks of a kind answer for none of its objects.
        """
        return self.unanswered[kind] >= _TRIES and kind not in self.accepted


class Apply:
    """
    The step that writes managed objects.
    """

    def __init__(self, cluster: Cluster, *, parallel: int) -> None:
        self._cluster = cluster
        self._parallel = asyncio.Semaphore(parallel)
        self._aside = asyncio.Semaphore(_ASIDE)

    async def run(
        self,
        lane: Lane,
        wanted: Sequence[Desired],
        everything: Mapping[ObjectKey, Desired],
        *,
        outdated: Callable[[], bool],
    ) -> Applied:
        """
        Apply ``wanted``, which is a part of ``everything`` that is desired.

        Args:
            lane: Whose objects they are.
            wanted: What has to be sent.
            everything: By key; says what defines what.
            outdated: Whether something newer came; asked between stages.

        """
        done = Applied()
        for stage in stages(wanted):
            if outdated():
                done.cut = True
                break
            async with asyncio.TaskGroup() as group:
                # Those that failed most come last: each gets its try.
                for one in sorted(stage, key=lambda one: lane.memory.unanswered.get(one.key, -1)):
                    group.create_task(self._guarded(lane, one, everything, done))
            point("reconciler.stage-applied")
            await self._established(lane, stage)
        return done

    async def one(self, lane: Lane, wanted: Desired) -> Action:
        """
        Apply one object and take its receipt.

        Raises:
            SetpointError: The API server refused it, or did not answer.

        """
        # What came so far is mended by the apply; what is judged after it is newer drift.
        with lane.marks.mended(wanted.key):
            return await self._one(lane, wanted)

    async def _one(self, lane: Lane, wanted: Desired) -> Action:
        lane.begin(wanted.key)
        response: Json | None = None
        try:
            if await self._leave(lane, wanted):
                return Action.SKIPPED
            before = lane.memory.receipts.get(wanted.key)
            seen = lane.memory.versions.get(wanted.key)
            response = await self._send(lane, wanted)
            point("reconciler.applied")
            response = await self._take_over(wanted, response)
            lane.memory.receipts[wanted.key] = receipt_from_response(wanted.digest, response)
            lane.memory.refused.pop(wanted.key, None)
            lane.memory.standing.pop(wanted.key, None)
            if before is not None and before.desired_digest != wanted.digest:
                lane.memory.fights.pop(wanted.key, None)  # its remedy may be in it
            if seen == response["metadata"]["resourceVersion"]:
                return Action.UNCHANGED
            return action_of(response, before, existed=True if seen else None)
        finally:
            lane.end(wanted.key, response)

    async def _guarded(
        self,
        lane: Lane,
        one: Desired,
        everything: Mapping[ObjectKey, Desired],
        done: Applied,
    ) -> None:
        blocker = blocked_by(one, done.refused.keys(), everything)
        if blocker is not None:
            done.refused[one.key] = Refused(message=f"needs {blocker}, which was refused")
            return
        async with self._aside if one.key in lane.memory.unanswered else self._parallel:
            await self._tried(lane, one, done)

    async def _tried(self, lane: Lane, one: Desired, done: Applied) -> None:
        kind, unanswered = (one.key.group, one.key.kind), lane.memory.unanswered
        if done.hopeless(kind):
            unanswered.setdefault(one.key, 0)
            done.refused[one.key] = Refused(
                message=f"not sent, as the webhook of others of kind {kind[1]} does not answer; it "
                "is tried again"
            )
            return
        try:
            done.actions[one.key] = await self.one(lane, one)
        except SetpointError as exc:
            if exc.reason == NOT_LEADER:
                done.fenced = exc
            done.refused[one.key] = Refused(
                message=exc.message, final=isinstance(exc, StalledError)
            )
            if exc.reason == _UNANSWERED:
                unanswered[one.key] = unanswered.get(one.key, 0) + 1
                done.unanswered[kind] += 1
                return
        else:
            done.accepted.add(kind)
        unanswered.pop(one.key, None)

    async def _send(self, lane: Lane, wanted: Desired) -> Json:
        content = await self._content(lane, wanted)
        try:
            return await self._cluster.apply(content)
        except StalledError as exc:
            # Only if asked for, and for what no update can do: what is merely wrong stays.
            forced = wanted.options.force or bool(lane.spec.get("force"))
            if not (forced and _never(exc)):
                raise
            return await self._replace(wanted.key, content)

    async def _replace(self, key: ObjectKey, content: Json) -> Json:
        live = await self._cluster.get(key)
        if live is not None and await self._refused(content):
            meta = live["metadata"]
            await self._cluster.delete(
                key, uid=meta["uid"], resource_version=meta["resourceVersion"]
            )
            point("reconciler.replaced-deleted")
            try:
                async with asyncio.timeout(_GONE):
                    # Kinds may be watched with a delay. Who made it anew before us ends the wait.
                    while (now := await self._cluster.get(key)) is not None:
                        if now["metadata"]["uid"] != meta["uid"]:
                            break
                        await asyncio.sleep(_ASK_AGAIN)
            except TimeoutError as exc:
                raise TransientError(
                    f"{key} was deleted to be made anew and is still there after {_GONE:.0f} s: "
                    "does a finalizer hold it?"
                ) from exc
        return await self._cluster.apply(content)

    async def _refused(self, content: Json) -> bool:
        # Still: what was just read may be another object than the one that was refused.
        try:
            await self._cluster.apply(content, dry_run=True)
        except StalledError as exc:
            return _never(exc)
        return False

    async def _content(self, lane: Lane, wanted: Desired) -> Json:
        shared = lane.memory.shared.get(wanted.key)
        if shared is None:
            return wanted.object
        live = await self._cluster.get(wanted.key)
        return to_send(shared.declared, shared.pointers, live)

    async def _leave(self, lane: Lane, wanted: Desired) -> bool:
        options = wanted.options
        if options.ignored:
            return True
        if options.ssa is Ssa.IF_NOT_PRESENT and wanted.key not in lane.memory.receipts:
            return await self._cluster.get(wanted.key) is not None
        return options.ssa is Ssa.IF_NOT_PRESENT

    async def _take_over(self, wanted: Desired, response: Json) -> Json:
        # Fields that kubectl, Helm or another controller owns beside us would stay for ever when
        # they are removed from Git: make us their only owner.
        if Ssa.MERGE in {wanted.options.ssa, options_of(response).ssa}:
            return response
        for _ in range(_FOLD_TRIES):
            operations = fold(response)
            if operations is None:
                return response
            try:
                folded = await self._cluster.rewrite_managers(wanted.key, operations)
            except SetpointError as exc:
                if exc.reason not in {"Invalid", "Conflict"}:
                    raise
                # A controller wrote its status in between: the test of the version failed.
                live = await self._cluster.get(wanted.key)
                if live is None or token_of(live) != token_of(response):
                    return response  # somebody changed what is ours: drift, as judged by this
                response = live
                continue
            point("reconciler.managers-folded")
            return folded
        return response  # whoever writes all the time may go on; the next apply tries again

    async def _established(self, lane: Lane, stage: Sequence[Desired]) -> None:
        """
        Wait until the definitions of a stage are served: objects of their kinds come next.
        """
        definitions = [
            one for one in stage if (one.key.group, one.key.kind) == _DEFINITION
            and one.key in lane.memory.receipts
        ]  # fmt: skip
        if not definitions:
            return
        try:
            async with asyncio.timeout(_ESTABLISH):
                await self._current(lane, [one.key for one in definitions])
                for one in definitions:
                    await self._served(one)
        except TimeoutError:
            return  # the objects of that kind say that nobody serves it

    async def _current(self, lane: Lane, keys: Sequence[ObjectKey]) -> None:
        while True:
            lane.health_moved.clear()
            healths = [lane.memory.health.get(key) for key in keys]
            if all(health and health.status is Status.CURRENT for health in healths):
                return
            await lane.health_moved.wait()

    async def _served(self, definition: Desired) -> None:
        spec = definition.object["spec"]
        for version in spec.get("versions") or ():
            if not version.get("served"):
                continue
            kind = (spec["group"], spec["names"]["kind"], version["name"])
            while await self._cluster.kind(*kind) is None:  # noqa: ASYNC110 - no watch tells it
                await asyncio.sleep(_ASK_AGAIN)


def _never(refusal: StalledError) -> bool:
    return refusal.reason == "Invalid" and "immutable" in refusal.message
