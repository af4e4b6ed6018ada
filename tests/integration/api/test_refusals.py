import pytest

from shared.api import kind_info
from tests.integration.api.refusals import GOOD, REQUIRED, SPECS
from tests.integration.api.status_refusals import STATUSES


def object_of(kind, spec, name="refused"):
    info = kind_info(kind)
    meta = {"name": name}
    return {"apiVersion": info.api_version, "kind": kind, "metadata": meta, "spec": spec}


@pytest.fixture(scope="session")
def stored(server, namespace):
    for kind, spec in GOOD.items():
        code, answer = server.create(kind_info(kind), namespace, object_of(kind, spec, "stored"))
        assert code == 201, answer["message"]
    return "stored"


def assert_refused(case, code, answer):
    assert code == 422, answer
    causes = [(cause["field"], cause["message"]) for cause in answer["details"]["causes"]]
    assert [
        message
        for field, message in causes
        # A duplicate is reported at the entry, everything else at the field itself.
        if field == case.field or (case.reason == "Duplicate value" and case.field in field)
        if case.reason in message
    ], causes


@pytest.mark.parametrize("case", SPECS, ids=lambda case: case.id)
def test_the_api_server_refuses_the_spec_and_names_field_and_reason(case, server, namespace):
    data = object_of(case.kind, case.content)
    code, answer = server.create(kind_info(case.kind), namespace, data, dry_run=True)
    assert_refused(case, code, answer)


@pytest.mark.parametrize("case", STATUSES, ids=lambda case: case.id)
def test_the_api_server_refuses_the_status_and_names_field_and_reason(
    case, server, namespace, stored
):
    info = kind_info(case.kind)
    code, answer = server.write_status(info, namespace, stored, case.content, dry_run=True)
    assert_refused(case, code, answer)


@pytest.mark.parametrize("kind", GOOD)
def test_the_api_server_refuses_an_object_without_a_spec(kind, server, namespace):
    info = kind_info(kind)
    data = {"apiVersion": info.api_version, "kind": kind, "metadata": {"name": "refused"}}
    code, answer = server.create(info, namespace, data, dry_run=True)
    assert code == 422
    assert {"reason": "FieldValueRequired", "field": "spec", "message": REQUIRED} in answer[
        "details"
    ]["causes"]


@pytest.mark.parametrize("kind", GOOD)
def test_the_api_server_says_that_it_does_not_know_a_field(kind, server, namespace):
    data = object_of(kind, {**GOOD[kind], "unheardOf": 1})
    code, answer = server.create(kind_info(kind), namespace, data, dry_run=True)
    assert code == 400
    assert 'unknown field "spec.unheardOf"' in answer["message"]
