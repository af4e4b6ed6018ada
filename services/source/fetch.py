"""
Fetch: from a declaration to a packed tree, or the word that there is nothing new.
"""

from services.source.core.artifact import current
from services.source.core.checkout import Checkout, Question, Unchanged
from services.source.core.credentials import FAILED, NONE, Credentials, read
from services.source.core.declaration import location, reference, refuse_unsupported
from services.source.core.location import Location
from services.source.core.reference import HEADS
from services.source.ports import ArtifactStore, Declarations, Origin
from shared.api import GitRepository
from shared.errors import SetpointError, TransientError
from shared.model import Revision

_PREFIX = "failed to checkout and determine revision: "  # people search for these words
_PREFIXED = "GitOperationFailed"
_ANCESTRY_TIMEOUT = 20.0  # seconds; the lane waits for it


class Fetch:
    """
    Looks at the origin of a source.
    """

    def __init__(self, origin: Origin, store: ArtifactStore, declarations: Declarations) -> None:
        self._origin = origin
        self._store = store
        self._declarations = declarations

    async def __call__(self, repo: GitRepository, *, deep: bool = False) -> Unchanged | Checkout:
        """
        Ask for the head, and fetch the tree unless the stored artifact is of that revision.

        Args:
            repo: The source.
            deep: Read the stored artifact before it is trusted.

        Raises:
            StalledError: The declaration cannot work.
            TransientError: The origin or the credentials cannot be used now.

        """
        known = await self._known(repo, deep=deep)
        refuse_unsupported(repo)
        at = location(repo)
        question = Question(
            location=at,
            reference=reference(repo),
            ignore=repo.spec.ignore,
            known=known,
            timeout=repo.spec.timeout_seconds,
            credentials=await self._credentials(repo, at),
        )
        try:
            return await self._origin.look(question)
        except TransientError as exc:
            if exc.reason != _PREFIXED:
                raise
            raise _prefixed(exc) from exc

    async def have(self, repo: GitRepository, *, deep: bool) -> bool:
        """
        Say whether the artifact of the status can be read, put back from disk if it was lost.

        Without an artifact there is nothing to lose.
        """
        artifact = current(repo)
        if artifact is None:
            return True
        try:
            return await self._store.ensure(artifact.digest, deep=deep)
        except SetpointError:
            return True  # the bus is away: what it holds is not known to be lost

    async def rewrote(self, repo: GitRepository, old: Revision, new: Revision) -> bool:
        """
        Say whether a push left the old revision behind: the branch was pushed by force.

        Raises:
            SetpointError: The origin does not say.

        """
        wanted = reference(repo)
        if not wanted.prefix.startswith(HEADS):
            return False
        at = location(repo)
        question = Question(
            location=at,
            reference=wanted,
            ignore="",
            known=str(old),
            timeout=min(repo.spec.timeout_seconds, _ANCESTRY_TIMEOUT),
            credentials=await self._credentials(repo, at),
        )
        return not await self._origin.descends(question, new)

    async def _known(self, repo: GitRepository, *, deep: bool) -> str:
        artifact = current(repo)
        if artifact is None:
            return ""
        stored = await self.have(repo, deep=deep)
        fits = repo.status.observed_ignore == repo.spec.ignore
        return str(artifact.revision) if stored and fits else ""

    async def _credentials(self, repo: GitRepository, at: Location) -> Credentials:
        reference = repo.spec.secret_ref
        if reference is None:
            if at.scheme == "ssh":
                raise TransientError(
                    "ssh needs a Secret with 'identity' and 'known_hosts'; name it in "
                    "spec.secretRef",
                    reason=FAILED,
                )
            return NONE
        namespace = repo.metadata.namespace
        try:
            data = await self._declarations.secret(namespace, reference.name)
        except SetpointError as exc:
            raise TransientError(exc.message, reason=FAILED, retry_after=exc.retry_after) from exc
        if data is None:
            raise TransientError(
                f"Secret {namespace}/{reference.name} does not exist; create it, or correct "
                "spec.secretRef",
                reason=FAILED,
            )
        return read(f"{namespace}/{reference.name}", data, at)


def _prefixed(exc: TransientError) -> TransientError:
    made = TransientError(_PREFIX + exc.message, reason=exc.reason, retry_after=exc.retry_after)
    for note in getattr(exc, "__notes__", ()):
        made.add_note(note)
    return made
