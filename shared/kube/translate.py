"""
From an answer of the API server to an error with its consequence; pure.

Messages name the object, what the server said and what to do. About Secrets the server's own words
are left out, because they quote values: field and reason remain.
"""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from shared.kube import errors
from shared.kube.errors import Cause, KubeError

MESSAGE_LIMIT = 2000  # characters; a broken custom resource can be quoted whole
_PAST = {"get": "read", "apply": "applied"}
_RBAC = re.compile(r'User "(?P<user>[^"]*)" cannot (?P<right>[a-z]+ resource "[^"]*")')
_WEBHOOK = re.compile(r'webhook "([^"]+)"')
_DENIED = re.compile(r"denied (the )?request|violates PodSecurity")
_WEBHOOK_DOWN = re.compile(r"failed (calling|to call) webhook|conversion webhook for .* failed")
_TOO_LARGE = re.compile(r"request is too large|larger than max|entity too large", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    What a request was about, in words for messages.
    """

    verb: str
    kind: str
    namespace: str = ""
    name: str = ""
    secret: bool = False

    @property
    def done(self) -> str:
        """
        Return the verb in the past: "not applied".
        """
        return _PAST.get(self.verb) or self.verb + ("d" if self.verb.endswith("e") else "ed")

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    target: Target
    code: int
    reason: str
    message: str
    details: dict[str, Any]
    causes: tuple[Cause, ...]
    retry_after: float | None

    def said(self) -> str:
        """
        Return the server's words, reduced for Secrets.
        """
        if not self.target.secret:
            return self.message[:MESSAGE_LIMIT] or f"status {self.code}"
        webhook = _WEBHOOK.search(self.message)
        parts = [f"{one.field} ({one.reason})" for one in self.causes if one.field or one.reason]
        if webhook:
            parts.append(f"webhook {webhook.group(1)}")
        return ", ".join(parts) or self.reason or f"status {self.code}"

    def error(self, kind: type[KubeError], what: str, remedy: str) -> KubeError:
        """
        Make the error; ``what`` follows the name of the object.
        """
        return kind(
            f"{self.target} {what}: {self.said()}; {remedy}",
            status=self.code,
            details=self.details,
            causes=self.causes,
            retry_after=self.retry_after,
        )


def translate(
    code: int, body: bytes, target: Target, *, retry_after: float | None = None
) -> KubeError:
    """
    Say what an answer that is not a success means.
    """
    answer = _read(code, body, target, retry_after)
    by_code = {
        401: _unauthorized,
        403: _forbidden,
        404: _not_found,
        409: _conflict,
        410: _gone,
        413: _too_large,
        429: _too_many,
    }
    found = _anywhere(answer)
    if found is not None:
        return found
    if code in by_code:
        return by_code[code](answer)
    if 400 <= code < 500:  # noqa: PLR2004 - the class of HTTP answers that blame the request
        return answer.error(
            errors.Invalid, f"refused ({answer.reason or code})", "correct the declaration"
        )
    return answer.error(
        errors.ServerFailed, f"not {target.done}, status {code}", "it is tried again"
    )


def _read(code: int, body: bytes, target: Target, retry_after: float | None) -> _Answer:
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        status = None
    if not isinstance(status, dict) or status.get("kind") != "Status":
        status = {"message": body[:MESSAGE_LIMIT].decode("utf-8", "replace").strip()}
    given = status.get("details")
    details = dict(given) if isinstance(given, dict) else {}
    listed = details.pop("causes", None)
    causes = tuple(
        Cause(
            field=str(cause.get("field", "")),
            reason=str(cause.get("reason", "")),
            message="" if target.secret else str(cause.get("message", ""))[:MESSAGE_LIMIT],
        )
        for cause in (listed if isinstance(listed, list) else ())
        if isinstance(cause, dict)
    )
    seconds = details.get("retryAfterSeconds")
    wait = max(float(seconds), 0.0) if isinstance(seconds, int | float) else None
    return _Answer(
        target=target,
        code=code,
        reason=str(status.get("reason", "")),
        message=str(status.get("message", "")),
        details=details,
        causes=causes,
        retry_after=retry_after if retry_after is not None else wait,
    )


def _anywhere(answer: _Answer) -> KubeError | None:
    """
    Recognise what the server says under more than one status.
    """
    if _WEBHOOK_DOWN.search(answer.message):
        return answer.error(
            errors.WebhookFailed,
            "not accepted, its webhook does not answer",
            "look at the webhook's pods; it is tried again",
        )
    if _DENIED.search(answer.message):
        return answer.error(
            errors.AdmissionDenied,
            "denied by admission",
            "change the declaration or the policy",
        )
    if _is_terminating(answer):
        return answer.error(
            errors.NamespaceTerminating,
            "not accepted, its namespace is being deleted",
            "it is tried again when the namespace is gone",
        )
    if answer.code != 429 and _TOO_LARGE.search(answer.message):  # noqa: PLR2004 - its own answer
        return _too_large(answer)
    return None


def _is_terminating(answer: _Answer) -> bool:
    if any(cause.reason == "NamespaceTerminating" for cause in answer.causes):
        return True
    return answer.code in {403, 409} and "because it is being terminated" in answer.message


def _unauthorized(answer: _Answer) -> KubeError:
    return answer.error(
        errors.Unauthorized,
        f"not {answer.target.done}, the API server does not accept our credentials",
        "renew the token or the certificate",
    )


def _forbidden(answer: _Answer) -> KubeError:
    rbac = _RBAC.search(answer.message)
    if rbac:
        right = rbac.group("right")
        return errors.Forbidden(
            f"{answer.target} not {answer.target.done}: {rbac.group('user')} may not"
            f" {right}; grant it by a Role or ClusterRole and a binding",
            status=answer.code,
            details=answer.details,
        )
    if "exceeded quota" in answer.message:
        return answer.error(
            errors.QuotaExceeded, "does not fit into the quota", "raise the quota or ask for less"
        )
    if answer.details.get("name") and "is forbidden:" in answer.message:
        return answer.error(
            errors.AdmissionDenied, "denied by admission", "change the declaration or the policy"
        )
    return answer.error(errors.Forbidden, f"not {answer.target.done}, forbidden", "grant the right")


def _not_found(answer: _Answer) -> KubeError:
    kind, name = answer.details.get("kind"), answer.details.get("name")
    if kind == "namespaces" and answer.target.kind != "Namespace":
        return answer.error(
            errors.NamespaceMissing,
            f"not {answer.target.done}, there is no namespace {name}",
            "declare the namespace or create it",
        )
    if name and answer.reason == "NotFound":
        return answer.error(errors.NotFound, "is not there", "create it or drop what names it")
    return answer.error(
        errors.KindNotServed,
        f"not {answer.target.done}, the API server does not serve its kind (any more)",
        "install its CustomResourceDefinition or correct the apiVersion",
    )


def _conflict(answer: _Answer) -> KubeError:
    if any(cause.reason == "FieldManagerConflict" for cause in answer.causes):
        return answer.error(
            errors.FieldConflict,
            "has fields that another manager owns",
            "force the apply or drop the fields",
        )
    if answer.reason == "AlreadyExists":
        return answer.error(errors.AlreadyExists, "is there already", "read it first")
    return answer.error(
        errors.Conflict, "has changed since it was read", "read it again and repeat"
    )


def _gone(answer: _Answer) -> KubeError:
    return answer.error(errors.Gone, "cannot be continued", "list it again")


def _too_large(answer: _Answer) -> KubeError:
    return answer.error(
        errors.TooLarge, "is too large for the API server", "split it or shorten it"
    )


def _too_many(answer: _Answer) -> KubeError:
    return answer.error(
        errors.TooManyRequests,
        f"not {answer.target.done}, the API server asks for a pause",
        "it is tried again",
    )
