"""
A pass that does not begin, or breaks: the status and the event that say why, and what to do.

The last good state stays, is healed, and nothing is pruned.
"""

from services.reconciler.conclude import Ended
from services.reconciler.core import conditions
from services.reconciler.core.dependencies import SourceState
from services.reconciler.core.obstacles import Obstacle, overtaken
from services.reconciler.core.schedule import After
from services.reconciler.lane import Lane
from services.reconciler.report import Report
from shared.errors import NOT_LEADER, SetpointError, StalledError

_API_RETRY = 2.0  # seconds until the API server is asked again that does not answer
_RETRY = 1.0  # seconds until the Lease is looked at again, or the watch has the newest version
_REASONS = frozenset(
    {
        conditions.FAILED,
        conditions.ARTIFACT_FAILED,
        conditions.BUILD_FAILED,
        conditions.EMPTY,
        conditions.PRUNE_FAILED,
    }
)


class Halt:
    """
    The step that ends a pass before its work is done.
    """

    def __init__(self, report: Report) -> None:
        self._report = report

    async def suspended(self, lane: Lane) -> Ended:
        """
        Answer for a Kustomization that a person stopped.
        """
        status = conditions.suspended(lane.status, self._report.at(lane))
        await self._report.write(lane, conditions.handled(status, lane.answering))
        return Ended(after=After.SUSPENDED)

    async def stopped(self, lane: Lane, obstacle: Obstacle) -> Ended:
        """
        Say what keeps a pass from beginning.
        """
        lane.rollout = None  # that all is healthy must not hide what is said here
        at = self._report.at(lane)
        if obstacle.after is After.STALLED:
            status = conditions.stalled(
                lane.status, at, obstacle.reason, obstacle.message, observed=obstacle.observed
            )
        else:
            status = conditions.failed(
                lane.status, at, obstacle.reason, obstacle.message, running=False
            )
        told = obstacle.told if conditions.merge_patch(lane.status, status) else ""
        if told:
            await self._report.tell(
                lane, severity=obstacle.severity, reason=obstacle.reason, message=told
            )
        await self._report.write(lane, conditions.handled(status, lane.answering))
        return Ended(after=obstacle.after)

    async def broken(self, lane: Lane, exc: SetpointError) -> Ended:
        """
        Say why a pass could not be made.
        """
        if exc.reason in {NOT_LEADER, "Conflict"}:  # nobody has to do anything about these
            return Ended(after=After.FAILURE, delay=_RETRY)
        lane.rollout = None  # that all is healthy must not hide what is said here
        reason = exc.reason if exc.reason in _REASONS else conditions.FAILED
        message = self._report.mask(exc.message)
        at = self._report.at(lane)
        if isinstance(exc, StalledError) and reason == conditions.FAILED:
            status = conditions.stalled(lane.status, at, reason, message)
        else:
            status = conditions.failed(lane.status, at, reason, message)
        source = lane.source
        attempted = source is not None and reason != conditions.ARTIFACT_FAILED
        if source is not None and attempted and not overtaken(lane.status, source):
            state = SourceState(uid=source.uid, sequence=source.sequence, digest=source.digest)
            status = conditions.attempted(status, source.revision, state)
            if not lane.outdated:
                lane.tried = source
        try:
            if conditions.merge_patch(lane.status, status) is not None:
                await self._report.tell(lane, severity="error", reason=reason, message=message)
            await self._report.write(lane, conditions.handled(status, lane.answering))
        except SetpointError:
            return Ended(after=After.FAILURE, delay=_API_RETRY)
        return Ended(after=After.FAILURE)
