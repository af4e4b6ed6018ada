from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.messages import Event, InvolvedObject, event_id

EVENT = Event(
    involved_object=InvolvedObject(
        api_version="v1", kind="Kustomization", name="a", namespace="b", uid="u"
    ),
    severity="info",
    timestamp=datetime(2026, 1, 2, tzinfo=UTC),
    message="done",
    reason="ReconciliationSucceeded",
    metadata={"revision": "main@sha1:1"},
    reporting_controller="kustomize-controller",
)


def test_an_event_has_the_names_of_the_api_on_the_wire() -> None:
    data = EVENT.model_dump(mode="json")
    assert data["involvedObject"]["apiVersion"] == "v1"
    assert data["involvedObject"]["resourceVersion"] == ""
    assert data["reportingController"] == "kustomize-controller"
    assert data["timestamp"] == "2026-01-02T00:00:00Z"
    assert Event.model_validate(data) == EVENT


def test_a_message_over_the_limit_of_the_api_is_cut() -> None:
    long = Event.model_validate({**EVENT.model_dump(), "message": "x" * 40_000})
    assert len(long.message) == 39_000
    assert long.message.endswith("x...")


def test_a_retry_computes_the_same_id_and_a_second_occurrence_another() -> None:
    first = event_id("local", "uid", "DriftDetected", "41")
    assert first == event_id("local", "uid", "DriftDetected", "41")
    assert first != event_id("local", "uid", "DriftDetected", "42")


@given(st.lists(st.text(), min_size=4, max_size=4), st.lists(st.text(), min_size=4, max_size=4))
def test_different_parts_never_give_one_id(first, second) -> None:
    same = event_id(*first) == event_id(*second)
    assert same == (first == second)


def test_parts_that_join_to_the_same_text_give_different_ids() -> None:
    assert event_id("a", "bc", "", "") != event_id("ab", "c", "", "")
