"""Whose a Lease is, from what was seen of it and when."""

from datetime import UTC, datetime
from typing import Any

from shared.kube.tenure import Held, Missing, Observer, Takeable, released, taken

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def lease(holder: str, renewed: str = "2026-01-01T00:00:00.000000Z", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"resourceVersion": "7"},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "renewTime": renewed,
            **spec,
        },
    }


def test_no_lease_is_there_to_be_created() -> None:
    assert Observer("me").judge(None, monotonic=0) == Missing()


def test_our_own_lease_is_taken_back_at_once() -> None:
    assert Observer("me").judge(lease("me"), monotonic=0) == Takeable()


def test_a_released_lease_is_taken_at_once() -> None:
    assert Observer("me").judge(lease(""), monotonic=0) == Takeable()


def test_anothers_lease_waits_its_duration_from_when_we_saw_it() -> None:
    observer = Observer("me")
    assert observer.judge(lease("you"), monotonic=100) == Held(holder="you", remaining=15)
    assert observer.judge(lease("you"), monotonic=114) == Held(holder="you", remaining=1)
    assert observer.judge(lease("you"), monotonic=115) == Takeable()


def test_a_renewal_starts_the_wait_anew_whatever_time_it_names() -> None:
    observer = Observer("me")
    observer.judge(lease("you", "2026-01-01T00:00:00.000000Z"), monotonic=100)
    backwards = lease("you", "1999-01-01T00:00:00.000000Z")
    assert observer.judge(backwards, monotonic=114) == Held(holder="you", remaining=15)


def test_another_holder_starts_the_wait_anew() -> None:
    observer = Observer("me")
    observer.judge(lease("you"), monotonic=100)
    assert observer.judge(lease("they"), monotonic=114) == Held(holder="they", remaining=15)


def test_the_duration_that_the_holder_wrote_counts() -> None:
    found = Observer("me").judge(lease("you", leaseDurationSeconds=35), monotonic=0)
    assert found == Held(holder="you", remaining=35)


def test_taking_anothers_lease_counts_a_transition_under_its_version() -> None:
    before = lease("you", leaseTransitions=4, acquireTime="2020-01-01T00:00:00.000000Z")
    wanted = taken("l", "ns", "me", before=before, now=NOW)
    assert wanted["metadata"]["resourceVersion"] == "7"
    assert wanted["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-02T03:04:05.000678Z",
        "renewTime": "2026-01-02T03:04:05.000678Z",
        "leaseTransitions": 5,
    }


def test_renewing_keeps_when_it_was_acquired() -> None:
    before = lease("me", leaseTransitions=4, acquireTime="2020-01-01T00:00:00.000000Z")
    spec = taken("l", "ns", "me", before=before, now=NOW)["spec"]
    assert spec["acquireTime"] == "2020-01-01T00:00:00.000000Z"
    assert spec["leaseTransitions"] == 4


def test_the_first_lease_has_no_version_and_no_transition() -> None:
    wanted = taken("l", "ns", "me", before=None, now=NOW)
    assert "resourceVersion" not in wanted["metadata"]
    assert wanted["spec"]["leaseTransitions"] == 0


def test_releasing_is_bound_to_the_lease_that_we_know() -> None:
    patch = released(lease("me"))
    assert patch["metadata"]["resourceVersion"] == "7"
    assert patch["spec"]["holderIdentity"] == ""
