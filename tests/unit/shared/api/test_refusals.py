import re

import pytest

from shared.api import kind_info
from shared.errors import StalledError
from tests.integration.api.refusals import GOOD, SPECS
from tests.integration.api.status_refusals import STATUSES

CASES = [case for case in (*SPECS, *STATUSES) if not case.server_only]


def object_of(case):
    info = kind_info(case.kind)
    parts = {"spec": GOOD[case.kind], case.section: case.content}
    return {
        "apiVersion": info.api_version,
        "kind": case.kind,
        "metadata": {"namespace": "team", "name": "app"},
        **parts,
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_the_api_server_refuses_cannot_be_read_and_the_message_names_the_field(case):
    with pytest.raises(StalledError) as caught:
        kind_info(case.kind).model.read(object_of(case))
    message = caught.value.message
    assert message.startswith(f"{case.kind} team/app cannot be read: ")
    field = re.sub(r"\[(\d+)\]", r".\1", case.field)
    assert f" {field}: " in message


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_spec_is_read(kind):
    info = kind_info(kind)
    data = {"apiVersion": info.api_version, "kind": kind, "spec": GOOD[kind]}
    assert info.model.read(data).to_json() == data


def test_a_refusal_never_shows_the_value():
    data = {
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
        "kind": "Provider",
        "metadata": {"name": "chat"},
        "spec": {"type": "slack", "proxy": "hunter2", "secretRef": "hunter2"},
    }
    with pytest.raises(StalledError) as caught:
        kind_info("Provider").model.read(data)
    assert "hunter2" not in caught.value.message
    assert "spec.proxy" in caught.value.message
    assert "spec.secretRef" in caught.value.message
