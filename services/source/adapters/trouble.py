"""
What went wrong with an origin, in words: which host, what was expected, what to do.
"""

import base64
import errno
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from urllib3.exceptions import (
    ConnectTimeoutError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from services.source.adapters.job import Answer, Job
from services.source.adapters.pool import IDLE_TIMEOUT, HttpRefusal, NotGit
from services.source.core.reference import FAILED
from shared.errors import MalformedError, SetpointError, TransientError

_UNREACHABLE = "check spec.url, and that the host can be reached from the source service"
_MESSAGE = 600  # characters; what a server says is its own affair
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a1-\ud7ff\ue000-\uffff]+")
_UNAUTHORIZED = 401
_STATUS = {
    401: "wants credentials (401); name a Secret with them in spec.secretRef",
    403: "does not allow access (403); give the account the right to read the repository",
    404: "repository not found (404); check spec.url, or the account's right to see it",
    429: "asks to slow down (429); raise spec.interval",
}
_KEY_REFUSED = (
    "the host does not accept the key 'identity' of the Secret, or 'password' does not open it; "
    "give the key the right to read the repository, or correct the Secret"
)
_KEY_UNREADABLE = "'identity' of the Secret is no private key that ssh can read; correct the Secret"
_HOST_KEY = (
    "the host's key is not the one in known_hosts of the Secret; correct known_hosts, or find out "
    "who answers in the host's place"
)
_SSH = (
    ("host key verification failed", _HOST_KEY),
    ("permission denied", _KEY_REFUSED),
    ("libcrypto", _KEY_UNREADABLE),
    ("invalid format", _KEY_UNREADABLE),
    ("connection refused", f"connection refused; {_UNREACHABLE}"),
    ("timed out", f"no answer; {_UNREACHABLE}"),
    (
        "unexpectedly closed",
        "the host closed the connection without a word; check spec.url, or the key's rights",
    ),
    ("not appear to be a git repository", "repository not found at this path; check spec.url"),
    ("repository not found", "repository not found; check spec.url, or the key's right to see it"),
)


def explain(job: Job, error: BaseException) -> Answer:
    """
    Turn whatever the look raised into an answer without secrets.
    """
    revision = next(iter(getattr(error, "__notes__", ())), "")
    reason, retry_after = FAILED, None
    if isinstance(error, MalformedError):
        # The tree was fetched; what cannot be made of it is an archive.
        reason, message = "ArchiveOperationFailed", error.message
    elif isinstance(error, SetpointError):
        reason, message, retry_after = error.reason, error.message, error.retry_after
    else:
        message, retry_after = _foreign(job, error)
        message = f"{job.origin}: {message}"
    return Answer(
        kind="failed",
        revision=revision,
        reason=reason,
        message=masked(message, job.credentials),
        retry_after=retry_after,
    )


@contextmanager
def legible() -> Iterator[None]:
    """
    Say of what an origin sent that it cannot be read, whatever the library stumbles over.
    """
    try:
        yield
    except (SetpointError, OSError, MemoryError):
        raise
    except Exception as exc:
        raise TransientError(
            f"the objects that the origin sent cannot be read ({type(exc).__name__}: {exc}); if "
            "this stays, check the repository there with git fsck",
            reason=FAILED,
        ) from exc


def masked(message: str, secrets: dict[str, str]) -> str:
    """
    Put ``***`` in place of each secret, and cut what is too long or not printable.
    """
    for form in sorted(_forms(secrets), key=len, reverse=True):
        message = message.replace(form, "***")
    return _UNPRINTABLE.sub(" ", message)[:_MESSAGE].strip()


def _forms(secrets: Mapping[str, str]) -> set[str]:
    """
    Return how secrets may be written, as an origin sees them that says them back.
    """
    values = {value.strip() for name, value in secrets.items() if name != "username"}
    pair = f"{secrets.get('username', '')}:{secrets.get('password', '')}"
    found = set(values)
    for value in {*values, pair} - {"", ":"}:
        found.add(base64.b64encode(value.encode()).decode())
        found.add(quote(value, safe=""))
        found.add(repr(value)[1:-1])
    return found - {""}


def _foreign(job: Job, error: BaseException) -> tuple[str, float | None]:
    for cause in _chain(error):
        if isinstance(cause, HttpRefusal):
            return _refused(cause, authenticated=bool(job.credentials)), cause.retry_after
        if known := _connection(cause):
            return known, None
    return _protocol(job, error), None


def _connection(cause: BaseException) -> str:
    match cause:
        case SSLError() | ssl.SSLError():
            text = str(cause)
            verify = re.search(r"certificate verify failed: ([^(\]]+)", text)
            why = verify[1].strip() if verify else text
            found = f"TLS: {why}; put the issuer's certificate as ca.crt into the Secret"
        case NotGit():
            found = (
                "does not answer as a Git server with the smart HTTP protocol; check the path in "
                "spec.url"
            )
        case ReadTimeoutError():
            found = f"sent nothing for {IDLE_TIMEOUT:.0f} s; the next try may work"
        case NewConnectionError():
            found = f"cannot be reached: {str(cause).rpartition(': ')[2].lower()}; {_UNREACHABLE}"
        case ConnectTimeoutError() | TimeoutError():
            found = f"does not answer; {_UNREACHABLE}"
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EROFS):
            found = (
                f"what it sends cannot be kept: {str(cause.strerror).lower()}; give the data "
                "directory of the source service room"
            )
        case OSError():
            why = cause.strerror or str(cause)
            found = f"cannot be reached: {why.lower()}; {_UNREACHABLE}"
        case MemoryError():
            found = "the repository is too large for the memory of a fetch; make it smaller"
        case _:
            found = ""
    return found


def _refused(refusal: HttpRefusal, *, authenticated: bool) -> str:
    if refusal.target:
        return (
            f"redirects to {refusal.target}, which is not followed (credentials would leak); "
            "write that address into spec.url"
        )
    if refusal.status == _UNAUTHORIZED and authenticated:
        return "rejects the credentials of the Secret (401); renew them"
    unknown = f"answers with status {refusal.status}; the origin's log may say why"
    return _STATUS.get(refusal.status, unknown)


def _protocol(job: Job, error: BaseException) -> str:
    text = str(error) or type(error).__name__
    if job.scheme == "ssh":
        low = text.lower()
        for needle, meaning in _SSH:
            if needle in low:
                return f"ssh: {meaning}"
    return f"the Git protocol failed: {type(error).__name__}: {text}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
