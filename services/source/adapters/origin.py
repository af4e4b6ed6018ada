"""
Git origins: the name is resolved and vetted here, the conversation is a worker's.
"""

import asyncio
from collections import defaultdict
from dataclasses import asdict, replace

from services.source.adapters.job import Answer, Job
from services.source.adapters.workers import Workers
from services.source.core.checkout import Checkout, Question, Unchanged
from services.source.core.location import Location
from services.source.core.reference import FAILED
from shared.errors import SetpointError, StalledError, TransientError
from shared.model import Digest, Revision
from shared.runtime.addresses import AddressPolicy
from shared.runtime.names import Names

PER_HOST = 2  # looks at one host at a time: a slow host must not hold all workers
RESOLVE_TIMEOUT = 10.0  # seconds; a resolver's own are longer


class GitOrigin:
    """
    The port ``Origin`` on Git.
    """

    def __init__(self, workers: Workers, policy: AddressPolicy, names: Names | None = None) -> None:
        self._workers = workers
        self._policy = policy
        self._names = names or Names()
        self._hosts: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(PER_HOST)
        )

    async def look(self, question: Question) -> Unchanged | Checkout:
        """
        Ask for the head, and fetch it if it is not the known one.

        Raises:
            TransientError: It cannot be had now; names the revision in a note if it is known.

        """
        at = question.location
        async with self._hosts[at.origin]:
            addresses = await self._resolve(at)
            answer, archive, entries = await self._workers.perform(
                _job(question, addresses), within=question.timeout
            )
        if answer.kind == "unchanged":
            return Unchanged(revision=answer.revision)
        if answer.kind == "failed":
            raise _failure(answer)
        return Checkout(
            revision=Revision.parse(answer.revision),
            subject=answer.subject,
            files=answer.files,
            digest=await asyncio.to_thread(Digest.of, archive),
            archive=archive,
            index_digest=await asyncio.to_thread(Digest.of, entries),
            index=entries,
        )

    async def descends(self, question: Question, head: Revision) -> bool:
        """
        Say whether ``question.known`` is among the commits before ``head``; True if nobody can say.
        """
        at = question.location
        async with self._hosts[at.origin]:
            job = replace(_job(question, await self._resolve(at)), head=head.hex)
            answer, _, _ = await self._workers.perform(job, within=question.timeout)
        return answer.kind != "rewritten"

    async def _resolve(self, at: Location) -> list[str]:
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                addresses = await self._names.addresses(at.host, at.port)
        except (OSError, UnicodeError, TimeoutError) as exc:
            why = getattr(exc, "strerror", None) or "no answer from the name server"
            raise TransientError(
                f"{at.origin}: the host name cannot be resolved: {str(why).lower()}; check "
                "spec.url and the name server",
                reason=FAILED,
            ) from exc
        try:
            for address in addresses:
                self._policy.check(at.host, address, at.port)
        except StalledError as exc:
            # The name may mean another address tomorrow: no reason to wait for a new declaration.
            raise TransientError(exc.message, reason=exc.reason) from exc
        return addresses


def _job(question: Question, addresses: list[str]) -> Job:
    at = question.location
    return Job(
        scheme=at.scheme,
        host=at.host,
        port=at.port,
        path=at.path,
        user=at.user,
        origin=at.origin,
        addresses=addresses,
        reference=asdict(question.reference),
        ignore=question.ignore,
        known=question.known,
        where="",
        credentials={key: value for key, value in asdict(question.credentials).items() if value},
    )


def _failure(answer: Answer) -> SetpointError:
    error = TransientError(answer.message, reason=answer.reason, retry_after=answer.retry_after)
    if answer.revision:
        error.add_note(answer.revision)
    return error
