"""
Say how it went: the event first, then the receipts, then the status that erases the cause.

A status is written only if ours is still the newest word about the object; whoever else wrote in
between is read again, and a newer attempt than ours ends the pass.
"""

from dataclasses import replace
from datetime import datetime

import structlog

from services.reconciler.core import conditions
from services.reconciler.core.conditions import At
from services.reconciler.core.events import event
from services.reconciler.core.first_pass import status_of
from services.reconciler.core.masking import SecretValues
from services.reconciler.core.receipt import Receipt, Saved, encode
from services.reconciler.declaration import Json
from services.reconciler.lane import Lane
from services.reconciler.memory import Memory
from services.reconciler.ports import Declarations, Receipts, Reporter
from services.reconciler.slots import aside
from shared.errors import SetpointError, TransientError
from shared.model import Conditions, ObjectKey
from shared.runtime import Clock, point
from shared.runtime.clock import rfc3339

log = structlog.get_logger()


class OvertakenError(TransientError):
    """The declaration changed, or another process works on a newer revision: begin again."""

    default_reason = "Overtaken"


class Report:
    """
    The step that writes events, receipts and status.
    """

    def __init__(
        self,
        declarations: Declarations,
        reporter: Reporter,
        receipts: Receipts,
        *,
        secrets: SecretValues,
        clock: Clock,
    ) -> None:
        self._declarations = declarations
        self._reporter = reporter
        self._receipts = receipts
        self._secrets = secrets
        self._clock = clock

    def at(self, lane: Lane) -> At:
        """
        Return the now of a status.
        """
        return At(generation=lane.generation, now=rfc3339(self.now()))

    def now(self) -> datetime:
        """
        Return the wall time.
        """
        return self._clock.now()

    def mask(self, text: str) -> str:
        """
        Mask whatever came from a Secret.
        """
        return self._secrets.mask(text)

    async def tell(
        self,
        lane: Lane,
        *,
        severity: str,
        reason: str,
        message: str,
        what: str = "",
        metadata: dict[str, str] | None = None,
    ) -> None:
        """
        Tell an event about the Kustomization, once per state that its status is in.

        Args:
            lane: Whose event it is.
            severity: As the API has it.
            reason: As the API has it.
            message: For people.
            what: What is told, where the message says more than that, such as how long it took: a
                retry has to find the same words.
            metadata: More than the revision.

        """
        source = lane.source
        known = {
            "revision": source.revision if source else "",
            "originRevision": source.origin_revision if source else "",
        }
        occurrence = "/".join(
            (
                str(lane.generation),
                str(source.sequence if source else 0),
                _state(lane.status),
                what or message[:200],
            )
        )
        await self._reporter.tell(
            event(
                lane.declared,
                severity=severity,
                reason=reason,
                message=self.mask(message),
                now=self.now(),
                metadata=known | (metadata or {}),
            ),
            occurrence=occurrence,
        )

    async def save(self, lane: Lane, *, anew: bool = False) -> None:
        """
        Save the receipts if they are not as they were saved, or anew if that was lost.

        Without them the next start verifies.
        """
        now = Saved(receipts=_certain(lane.memory), spec=lane.memory.spec)
        if now == lane.memory.saved and not anew:
            return
        await self._keep(lane, now)
        point("reconciler.receipts-saved")

    async def take_back(self, lane: Lane) -> None:
        """
        Drop from what is saved the receipts that the applies to come overtake.

        If we die before the new ones are saved, the old ones would be taken for the last apply.
        """
        memory = lane.memory
        # Where the last save failed, nobody knows what is kept.
        saved = memory.saved or Saved(receipts=dict(memory.receipts), spec=memory.spec)
        certain = _certain(memory).keys()
        kept = {key: one for key, one in saved.receipts.items() if key in certain}
        if len(kept) < len(saved.receipts):
            await self._keep(lane, replace(saved, receipts=kept))
            point("reconciler.receipts-taken-back")

    async def _keep(self, lane: Lane, saved: Saved) -> None:
        data = await aside(len(saved.receipts), encode, saved)
        kept = await self._receipts.save(lane.namespace, lane.name, data)
        lane.memory.saved = saved if kept else None

    async def forget(self, lane: Lane) -> None:
        """
        Drop the receipts of a Kustomization that is gone.
        """
        await self._receipts.save(lane.namespace, lane.name, None)

    async def write(self, lane: Lane, status: Json) -> None:
        """
        Write a status, if it says anything new.

        Raises:
            OvertakenError: The declaration is not the one that the status speaks about any more.

        """
        for _ in range(_TRIES):
            self.check(lane)
            wanted = _on_top(lane, status)
            if conditions.merge_patch(lane.status, wanted) is None:
                return
            try:
                answer = await self._declarations.write_status(lane.declared, wanted)
            except SetpointError as exc:
                if exc.reason != "Conflict":
                    raise
                await self._read_again(lane)
                continue
            lane.base = answer
            lane.redeclare(answer)
            return
        raise OvertakenError(
            f"the status of Kustomization {lane.namespace}/{lane.name} is written by somebody else "
            "all the time: is a second reconciler running?"
        )

    def check(self, lane: Lane) -> None:
        """
        See that the declaration is the one that was judged: a watch may have told of another.

        Raises:
            OvertakenError: It is not; what others wrote is not written over.

        """
        why = _overtaken(lane)
        if why:
            raise OvertakenError(f"Kustomization {lane.namespace}/{lane.name}: {why}")

    async def _read_again(self, lane: Lane) -> None:
        newest = await self._declarations.read(lane.namespace, lane.name)
        if newest is None or newest["metadata"]["uid"] != lane.declared["metadata"]["uid"]:
            raise OvertakenError(f"Kustomization {lane.namespace}/{lane.name} was deleted")
        lane.redeclare(newest)


def _state(status: Json) -> str:
    """
    Name the state that a status is in: since when it says so, and after how many results.
    """
    ready = Conditions.from_json(status.get("conditions")).get("Ready")
    if ready is None:
        return "new"
    results = sum(int(one.get("totalReconciliations") or 0) for one in _history(status))
    return f"{ready.status}@{ready.last_transition}#{results}"


def _history(status: Json) -> list[Json]:
    found = status.get("history")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


# What was done, which later words do not undo.
_FACTS = (
    "lastAppliedRevision",
    "lastAppliedOriginRevision",
    "lastAttemptedRevision",
    "lastAttempted",
    "lastRenderedDigest",
    "history",
)
_TRIES = 5  # conflicts of one write; each is somebody else's write in between


def _on_top(lane: Lane, status: Json) -> Json:
    """
    Leave the facts as they are now where a status says nothing new about them.

    They may be newer than what it was made from: by a write of ours whose answer was lost.
    """
    before, now = status_of(lane.base), lane.status
    kept = {key: now[key] for key in _FACTS if key in now and status.get(key) == before.get(key)}
    return {**status, **kept}


def _overtaken(lane: Lane) -> str:
    """
    Say what came between the declaration that was judged and the one that is there now.
    """
    before, now = lane.base, lane.declared
    if before["metadata"].get("generation") != now["metadata"].get("generation"):
        return "its spec changed while it was worked on"
    old, new = status_of(before), status_of(now)
    if old.get("inventory") != new.get("inventory"):
        return "another process recorded objects, which must not be forgotten"
    recorded = conditions.attempted_source(new)
    if recorded is None or recorded == conditions.attempted_source(old) or lane.source is None:
        return ""
    if recorded.uid == lane.source.uid and recorded.sequence > lane.source.sequence:
        return "another process works on a newer revision"
    return ""


def _certain(memory: Memory) -> dict[ObjectKey, Receipt]:
    """
    Return the receipts without those of a content before the one that is declared now.

    Of such an object nobody knows what is applied: it may have been sent without an answer.
    """
    return {
        key: one
        for key, one in memory.receipts.items()
        if key not in memory.desired or memory.desired[key].digest == one.desired_digest
    }
