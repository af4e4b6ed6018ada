# ruff: noqa: N818 - named as the API names its answers, as in `except NotFound`
"""
What the API server can answer instead of doing it, each with its consequence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import SetpointError, StalledError, TransientError, WaitingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """
    One field that the API server found wrong; ``message`` is empty for Secrets.
    """

    field: str
    reason: str
    message: str = ""


class KubeError(SetpointError):
    """
    A refusal or failure of the API server.

    Args:
        message: Names the object, what was expected, and what to do.
        status: The HTTP status, 0 if there was no answer.
        details: ``details`` of the API's Status without its causes, never with a value of a Secret.
        causes: The fields that were found wrong.
        reason: Another reason than the class' own.
        retry_after: Seconds that the server asked us to wait.

    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        details: Mapping[str, Any] | None = None,
        causes: tuple[Cause, ...] = (),
        reason: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, reason=reason, retry_after=retry_after)
        self.status = status
        self.details = dict(details or {})
        self.causes = causes


class NotFound(KubeError, WaitingError):
    """The object is not there."""

    default_reason = "NotFound"


class NamespaceMissing(NotFound):
    """The namespace of the object is not there."""

    default_reason = "NamespaceNotFound"


class NamespaceTerminating(KubeError, WaitingError):
    """The namespace of the object is being deleted."""

    default_reason = "NamespaceTerminating"


class KindNotServed(KubeError, WaitingError):
    """Nobody serves the kind, or not in that version."""

    default_reason = "KindNotServed"


class Conflict(KubeError, TransientError):
    """The object is not the one that was read: another resourceVersion or uid."""

    default_reason = "Conflict"


class AlreadyExists(Conflict):
    """An object of that name is there already."""

    default_reason = "AlreadyExists"


class FieldConflict(Conflict):
    """Another field manager owns a declared field, and it was not forced."""

    default_reason = "FieldManagerConflict"


class Invalid(KubeError, StalledError):
    """The object breaks a rule of its kind."""

    default_reason = "Invalid"


class TooLarge(KubeError, StalledError):
    """The object is larger than the API server or etcd takes."""

    default_reason = "TooLarge"


class AdmissionDenied(KubeError, StalledError):
    """An admission webhook, policy or plugin refuses the object."""

    default_reason = "AdmissionDenied"


class QuotaExceeded(KubeError, WaitingError):
    """The namespace has no room left."""

    default_reason = "QuotaExceeded"


class Forbidden(KubeError, WaitingError):
    """Our identity lacks a right."""

    default_reason = "Forbidden"


class Unauthorized(KubeError, WaitingError):
    """The API server does not know our identity."""

    default_reason = "Unauthorized"


class Gone(KubeError, TransientError):
    """The resourceVersion or the continue token is too old: list again."""

    default_reason = "Expired"


class TooManyRequests(KubeError, TransientError):
    """The API server asks for a pause."""

    default_reason = "TooManyRequests"


class WebhookFailed(KubeError, TransientError):
    """A webhook that the API server needs for this object does not answer."""

    default_reason = "WebhookUnavailable"


class ServerFailed(KubeError, TransientError):
    """The API server answers, but cannot do its work."""

    default_reason = "APIServerFailed"


class Unreachable(KubeError, TransientError):
    """There is no usable answer: refused, cut, late or unreadable."""

    default_reason = "APIServerUnreachable"
