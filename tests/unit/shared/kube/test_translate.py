"""What answers of the API server mean; the Status objects were recorded from a real one."""

import json
from typing import Any

import pytest

from shared.errors import StalledError, TransientError, WaitingError
from shared.kube import errors
from shared.kube.translate import Target, translate

WEB = Target(verb="apply", kind="ConfigMap", namespace="shop", name="web")
SECRET = Target(verb="apply", kind="Secret", namespace="shop", name="web", secret=True)


def answer(code: int, reason: str, message: str, **details: Any) -> bytes:
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }
    return json.dumps(status).encode()


TERMINATING = answer(
    403,
    "Forbidden",
    'configmaps "web" is forbidden: unable to create new content in namespace shop because it is'
    " being terminated",
    name="web",
    kind="configmaps",
    causes=[
        {
            "reason": "NamespaceTerminating",
            "message": "namespace shop is being terminated",
            "field": "metadata.namespace",
        }
    ],
)
CASES = [
    (404, answer(404, "NotFound", 'configmaps "web" not found', name="web", kind="configmaps"),
     errors.NotFound, WaitingError),
    (404, answer(404, "NotFound", 'namespaces "shop" not found', name="shop", kind="namespaces"),
     errors.NamespaceMissing, WaitingError),
    (404, b"404 page not found\n", errors.KindNotServed, WaitingError),
    (404, answer(404, "NotFound", "the server could not find the requested resource"),
     errors.KindNotServed, WaitingError),
    (403, TERMINATING, errors.NamespaceTerminating, WaitingError),
    (403, answer(403, "Forbidden", 'configmaps is forbidden: User "system:serviceaccount:a:b"'
                 ' cannot create resource "configmaps" in API group "" in the namespace "shop"',
                 kind="configmaps"), errors.Forbidden, WaitingError),
    (403, answer(403, "Forbidden", 'configmaps "web" is forbidden: exceeded quota: q, requested:'
                 " count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2",
                 name="web", kind="configmaps"), errors.QuotaExceeded, WaitingError),
    (403, answer(403, "Forbidden", 'pods "web" is forbidden: violates PodSecurity'
                 ' "restricted:latest": privileged', name="web", kind="pods"),
     errors.AdmissionDenied, StalledError),
    (422, answer(422, "Invalid", 'configmaps "web" is forbidden: ValidatingAdmissionPolicy \'p\''
                 " with binding 'b' denied request: no", name="web", kind="configmaps"),
     errors.AdmissionDenied, StalledError),
    (400, answer(400, "", 'admission webhook "w.example.com" denied the request: no'),
     errors.AdmissionDenied, StalledError),
    (500, answer(500, "InternalError", "Internal error occurred: failed calling webhook"
                 ' "w.example.com": failed to call webhook: Post "https://x": refused'),
     errors.WebhookFailed, TransientError),
    (500, answer(500, "", "conversion webhook for example.com/v1, Kind=Foo failed: refused"),
     errors.WebhookFailed, TransientError),
    (422, answer(422, "Invalid", 'ConfigMap "web" is invalid: data[a b]: Invalid value: "a b"',
                 name="web", kind="ConfigMap"), errors.Invalid, StalledError),
    (400, answer(400, "BadRequest", "strict decoding error: unknown field"),
     errors.Invalid, StalledError),
    (409, answer(409, "Conflict", 'Operation cannot be fulfilled on configmaps "web": the object'
                 " has been modified", name="web", kind="configmaps"),
     errors.Conflict, TransientError),
    (409, answer(409, "AlreadyExists", 'configmaps "web" already exists', name="web"),
     errors.AlreadyExists, TransientError),
    (409, answer(409, "Conflict", 'Apply failed with 1 conflict: conflict with "kubectl"',
                 causes=[{"reason": "FieldManagerConflict", "message": 'conflict with "kubectl"',
                          "field": ".data.a"}]), errors.FieldConflict, TransientError),
    (410, answer(410, "Expired", "The provided continue parameter is too old"),
     errors.Gone, TransientError),
    (413, answer(413, "RequestEntityTooLarge", "limit is 3145728"),
     errors.TooLarge, StalledError),
    (500, answer(500, "", "etcdserver: request is too large"), errors.TooLarge, StalledError),
    (401, answer(401, "Unauthorized", "Unauthorized"), errors.Unauthorized, WaitingError),
    (429, answer(429, "TooManyRequests", "please try again later", retryAfterSeconds=3),
     errors.TooManyRequests, TransientError),
    (503, b"apiserver not ready", errors.ServerFailed, TransientError),
    (504, answer(504, "Timeout", "etcdserver: request timed out"),
     errors.ServerFailed, TransientError),
    (302, b"", errors.ServerFailed, TransientError),
]  # fmt: skip


@pytest.mark.parametrize(("code", "body", "kind", "consequence"), CASES)
def test_an_answer_becomes_the_error_with_its_consequence(
    code: int, body: bytes, kind: type[errors.KubeError], consequence: type[Exception]
) -> None:
    error = translate(code, body, WEB)
    assert type(error) is kind
    assert isinstance(error, consequence)
    assert error.status == code
    assert error.message.startswith("ConfigMap/shop/web ")


def test_a_missing_namespace_itself_is_not_an_object_without_namespace() -> None:
    body = answer(404, "NotFound", 'namespaces "shop" not found', name="shop", kind="namespaces")
    error = translate(404, body, Target(verb="delete", kind="Namespace", name="shop"))
    assert type(error) is errors.NotFound


def test_an_invalid_object_names_its_fields() -> None:
    body = answer(
        422,
        "Invalid",
        'ConfigMap "web" is invalid',
        causes=[{"reason": "FieldValueInvalid", "message": "Invalid value", "field": "data[a b]"}],
    )
    assert translate(422, body, WEB).causes == (
        errors.Cause(field="data[a b]", reason="FieldValueInvalid", message="Invalid value"),
    )


def test_a_missing_right_names_who_may_not_do_what() -> None:
    body = answer(
        403,
        "Forbidden",
        'secrets is forbidden: User "system:serviceaccount:a:b" cannot list resource "secrets" in'
        ' API group "" in the namespace "shop"',
    )
    message = translate(403, body, WEB).message
    assert 'system:serviceaccount:a:b may not list resource "secrets"' in message
    assert "grant it" in message


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (422, "Invalid", 'Secret "web" is invalid: data[k]: Invalid value: "hunter2"'),
        (400, "BadRequest", "Secret in version v1 cannot be handled: json: hunter2"),
        (403, "Forbidden", 'admission webhook "w.example.com" denied the request: hunter2'),
        (409, "Conflict", "Apply failed: hunter2"),
        (500, "InternalError", "hunter2"),
        (503, "", "hunter2"),
    ],
)
def test_no_error_about_a_secret_quotes_the_server(code: int, reason: str, message: str) -> None:
    body = answer(
        code,
        reason,
        message,
        causes=[{"reason": "FieldValueInvalid", "message": "hunter2", "field": "data[k]"}],
    )
    error = translate(code, body, SECRET)
    assert "hunter2" not in f"{error} {error!r} {error.causes} {error.details}"
    assert "data[k] (FieldValueInvalid)" in error.message


def test_a_plain_body_about_a_secret_is_not_quoted_either() -> None:
    error = translate(500, b"hunter2", SECRET)
    assert "hunter2" not in f"{error} {error.details}"


def test_a_denied_secret_still_names_the_webhook() -> None:
    body = answer(403, "Forbidden", 'admission webhook "w.example.com" denied the request: x')
    assert "webhook w.example.com" in translate(403, body, SECRET).message


def test_the_header_decides_how_long_to_wait() -> None:
    body = answer(429, "TooManyRequests", "later", retryAfterSeconds=3)
    assert translate(429, body, WEB).retry_after == 3
    assert translate(429, body, WEB, retry_after=1.0).retry_after == 1


def test_a_long_answer_is_cut() -> None:
    assert len(translate(422, answer(422, "Invalid", "x" * 100_000), WEB).message) < 3000


@pytest.mark.parametrize(
    "details",
    ["text", 7, {"causes": 1}, {"causes": ["text"]}, {"retryAfterSeconds": "soon"}],
    ids=str,
)
def test_a_status_of_another_form_says_what_can_be_read_of_it(details: object) -> None:
    body = json.dumps({"kind": "Status", "message": "no room", "details": details}).encode()
    error = translate(500, body, WEB)
    assert "no room" in error.message
    assert error.retry_after is None


def test_nobody_waits_until_a_time_that_was() -> None:
    assert translate(429, answer(429, "", "", retryAfterSeconds=-5), WEB).retry_after == 0


def test_text_that_is_json_but_no_status_is_taken_as_text() -> None:
    assert "[1, 2]" in translate(500, b"[1, 2]", WEB).message
