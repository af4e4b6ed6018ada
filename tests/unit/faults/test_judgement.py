"""
The oracle says no to histories that break a promise, and yes to those that keep it.
"""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.faults.oracle import events, objects, resources, secrets, status
from tests.faults.oracle.record import (
    Artifact,
    Deletion,
    Record,
    Sample,
    State,
    Told,
    Verdict,
)
from tests.faults.workload.journal import COMMIT, FORCE, Commit, Journal, Key, Touch, Wish

KEY = Key("", "ConfigMap", "space", "one")
SPEC = {"path": "./app", "targetNamespace": "space"}


def declared(number: int, name: str = "one", **annotations: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "annotations": {COMMIT: str(number), **annotations}},
        "data": {"value": str(number)},
    }


class Story:
    """
    A made-up history, told step by step; each step is one resourceVersion and one second.
    """

    def __init__(self) -> None:
        self.record = Record()
        self.journal = Journal()
        self.journal.wishes.append(Wish(name="app", at=0.0, spec=SPEC))
        self.version = 0

    def commit(self, *objs: dict[str, Any], broken: bool = False) -> Commit:
        number = len(self.journal.commits) + 1
        made = Commit(
            number=number,
            at=float(self.version),
            sha=f"{number:040x}",
            files={f"app/{obj['metadata']['name']}.yaml": obj for obj in objs},
            broken=frozenset({"app"} if broken else ()),
        )
        self.journal.add(made)
        return made

    def back(self, commit: Commit) -> None:
        number = len(self.journal.commits) + 1
        self.version += 1
        self.journal.add(replace(commit, number=number, at=float(self.version), back=True))

    def live(
        self, obj: dict[str, Any] | None, *, ours: str | None = None, uid: str = "u", **more: Any
    ) -> State:
        self.version += 1
        if obj is not None:
            meta = {**obj["metadata"], "namespace": "space"}
            meta["labels"] = {"kustomize.toolkit.fluxcd.io/name": "app"}
            obj = {**obj, "metadata": meta}
        state = State(
            version=self.version,
            at=float(self.version),
            uid=uid,
            obj=obj,
            ours=f"entry {self.version}" if ours is None else ours,
            **more,
        )
        self.record.objects[KEY].append(state)
        return state

    def touched(self, obj: dict[str, Any] | None) -> State:
        state = self.live(obj)
        self.journal.touches.append(
            Touch(key=KEY, at=state.at, uid="u", version=state.version, deleted=obj is None)
        )
        return state

    def says(self, commit: Commit, ready: str = "True", **more: Any) -> Verdict:
        self.version += 1
        facts: dict[str, Any] = {
            "generation": 1,
            "observed": 1,
            "reason": "Reason",
            "message": "message",
            "applied": revision(commit),
            "attempted": commit.number,
            "spec": SPEC,
        }
        verdict = Verdict(
            version=self.version, at=float(self.version), ready=ready, **(facts | more)
        )
        self.record.verdicts["app"].append(verdict)
        return verdict

    def stored(self, commit: Commit, sequence: int = 1) -> None:
        self.record.artifacts.append(
            Artifact(version=1, at=1.0, uid="u", sequence=sequence, revision=revision(commit))
        )

    def told(self, reason: str, id_: str = "id", name: str = "app", **more: Any) -> Told:
        facts: dict[str, Any] = {
            "at": 0.0,
            "where": "plain",
            "kind": "Kustomization",
            "severity": "info",
            "message": "message",
            "timestamp": "2026-01-01T00:00:00",
            "metadata": {},
        }
        one = Told(id=id_, name=name, reason=reason, **(facts | more))
        self.record.delivered.append(one)
        return one


def revision(commit: Commit) -> str:
    return f"main@sha1:{commit.sha}"


@pytest.fixture
def story() -> Story:
    return Story()


def judged(judge: Any, story: Story) -> list[str]:
    return [one.seen for one in judge(story.record, story.journal)]


# O1


def test_what_is_as_the_last_commit_declares_it_is_no_breach(story: Story):
    story.commit(declared(1))
    story.live(declared(1) | {"more": "that somebody else set"})
    assert judged(objects.as_declared, story) == []


def test_an_object_that_is_missing_is_a_breach(story: Story):
    story.commit(declared(1))
    assert judged(objects.as_declared, story) == ["not there"]


def test_an_object_with_another_value_is_a_breach(story: Story):
    story.commit(declared(1))
    story.live(declared(1) | {"data": {"value": "other"}})
    assert judged(objects.as_declared, story) == ["other in .data.value"]


def test_an_object_that_no_commit_declares_any_more_is_a_breach(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.commit(declared(2, "two"))
    found = judged(objects.as_declared, story)
    assert sorted(found) == ["not there", "there"]


def test_what_a_broken_folder_does_not_declare_any_more_goes_when_it_is_mended(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.commit(broken=True)
    assert judged(objects.as_declared, story) == []
    story.commit()
    assert judged(objects.as_declared, story) == ["there"]


def test_a_kustomization_that_is_ready_at_an_older_commit_is_a_breach(story: Story):
    story.says(story.commit(declared(1)))
    assert judged(status.ready, story) == []
    story.commit(declared(2))
    assert len(judged(status.ready, story)) == 1


def test_a_kustomization_that_is_ready_in_spite_of_a_refused_object_is_a_breach(story: Story):
    story.says(story.commit(declared(1), broken=True))
    assert len(judged(status.ready, story)) == 1


# O2


def test_a_source_whose_artifact_is_of_an_older_commit_is_a_breach(story: Story):
    first, second = story.commit(declared(1)), story.commit(declared(2))
    assert judged(status.stored, story) == ["none"]
    story.stored(first)
    assert judged(status.stored, story) == [revision(first)]
    story.stored(second)
    assert judged(status.stored, story) == []


def test_a_deletion_of_what_every_commit_declares_is_a_breach(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.record.deletions.append(Deletion(key=KEY, at=1.5))
    story.live(None)
    story.commit(declared(2))
    assert judged(objects.rightly_deleted, story) == ["deleted by the reconciler"]


def test_a_deletion_before_the_commit_that_drops_the_object_is_a_breach(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.record.deletions.append(Deletion(key=KEY, at=1.1))
    story.live(None)
    story.version = 5
    story.commit(declared(2, "two"))
    assert judged(objects.rightly_deleted, story) == ["deleted by the reconciler"]


def test_a_deletion_after_a_commit_without_the_object_is_none(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.commit(declared(2, "two"))
    story.commit(declared(3))
    story.record.deletions.append(Deletion(key=KEY, at=1.5))
    story.live(None)
    assert judged(objects.rightly_deleted, story) == []


def test_a_deletion_because_of_an_older_commit_than_the_object_is_a_breach(story: Story):
    story.commit(declared(1, "two"))
    story.commit(declared(2))
    story.live(declared(2))
    story.record.deletions.append(Deletion(key=KEY, at=1.5))
    story.live(None)
    assert judged(objects.rightly_deleted, story) == ["deleted by the reconciler"]


def test_an_object_may_be_replaced_if_it_asks_for_that_and_changed(story: Story):
    story.commit(declared(1, **{FORCE: "enabled"}))
    story.live(declared(1, **{FORCE: "enabled"}))
    story.record.deletions.append(Deletion(key=KEY, at=1.5))
    assert judged(objects.rightly_deleted, story) == ["deleted by the reconciler"]
    story.commit(declared(2, **{FORCE: "enabled"}))
    assert judged(objects.rightly_deleted, story) == []


def test_the_objects_of_a_kustomization_that_was_deleted_may_go(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.journal.wishes.append(Wish(name="app", at=1.2, spec=None))
    story.record.deletions.append(Deletion(key=KEY, at=1.5))
    assert judged(objects.rightly_deleted, story) == []


# O3


def test_an_event_of_the_stream_that_came_to_no_sink_is_a_breach(story: Story):
    one = story.told("Some", where="EVENTS")
    story.record.delivered.clear()
    story.record.stored["id"] = one
    assert judged(events.delivered, story) == ["no event"]
    story.record.buried.add("id")
    assert judged(events.delivered, story) == []


def test_an_event_that_waited_on_a_bus_that_was_wiped_is_excused_and_a_later_one_is_not(
    story: Story,
):
    for at, excused in ((94.0, False), (96.0, True), (101.0, True), (103.0, False)):
        story.record.stored["id"] = story.told("Some", where="EVENTS", at=at)
        story.record.delivered.clear()
        story.journal.wipes = [(100.0, 102.0)]
        assert judged(events.delivered, story) == ([] if excused else ["no event"])


def test_an_event_that_came_to_the_sink_is_none(story: Story):
    story.record.stored["id"] = story.told("Some")
    assert judged(events.delivered, story) == []


def test_two_events_that_say_the_same_in_one_second_have_to_come_both(story: Story):
    for id_ in ("first", "second"):
        story.record.stored[id_] = story.told("Some", id_)
    story.record.delivered.pop()
    story.record.delivered.append(story.record.delivered[0])  # the first one, once more
    assert judged(events.delivered, story) == ["no event"]
    story.told("Some", "second")
    assert judged(events.delivered, story) == []


def test_an_id_that_stands_for_two_events_is_a_breach(story: Story):
    story.told("Some")
    story.told("Some")
    assert list(events.one_id(story.record)) == []
    story.told("Other")
    assert len(list(events.one_id(story.record))) == 1


def test_an_applied_revision_without_an_event_is_a_breach(story: Story):
    story.says(story.commit(declared(1)))
    commit = story.commit(declared(2))
    story.says(commit)
    assert judged(events.all_told, story) == ["no event"]
    story.told("ReconciliationSucceeded", metadata={"revision": revision(commit)})
    assert judged(events.all_told, story) == []


def test_a_revision_that_changed_nothing_here_needs_no_event(story: Story):
    story.says(story.commit(declared(1)))
    story.says(story.commit(declared(1)))
    assert judged(events.all_told, story) == []


def test_a_failure_without_an_event_is_a_breach(story: Story):
    story.says(story.commit(declared(1)), "False", reason="BuildFailed")
    assert judged(events.all_told, story) == ["no event"]
    story.told("BuildFailed", severity="error")
    assert judged(events.all_told, story) == []


def test_a_failure_that_was_judged_needs_no_second_event(story: Story):
    story.says(story.commit(declared(1)), "False", reason="BuildFailed")
    story.record.cut()
    assert judged(events.all_told, story) == []
    story.says(story.journal.latest, "False", reason="PruneFailed")
    assert judged(events.all_told, story) == ["no event"]


def test_a_stored_revision_without_an_event_is_a_breach(story: Story):
    for commit in (story.commit(declared(1)), story.commit(declared(2))):
        story.stored(commit)
    assert judged(events.all_told, story) == ["no event"]
    story.told("NewArtifact", kind="GitRepository", metadata={"revision": revision(commit)})
    assert judged(events.all_told, story) == []


def test_a_commit_that_changes_no_file_needs_no_event(story: Story):
    for commit in (story.commit(declared(1)), story.commit(declared(1))):
        story.stored(commit)
    assert judged(events.all_told, story) == []


def drift_told(story: Story, id_: str, at: float, *, wrong: float = 0.0) -> None:
    time = datetime.fromtimestamp(at + wrong, UTC).isoformat()[:19]
    facts = {"object": "ConfigMap/space/one"}
    story.told("DriftDetected", id_, at=at, timestamp=time, metadata=facts)


def test_a_correction_of_drift_without_an_event_is_a_breach(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.touched(declared(1) | {"data": {"value": "other"}})
    assert judged(events.all_told, story) == []  # it is not corrected yet
    first = story.live(declared(1)).at
    assert judged(events.all_told, story) == ["no event"]
    drift_told(story, "first", first)
    assert judged(events.all_told, story) == []


def test_two_corrections_need_two_events(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.touched(None)
    drift_told(story, "first", story.live(declared(1), uid="v").at)
    story.touched(declared(1) | {"data": {"value": "other"}})
    second = story.live(declared(1), uid="v").at
    assert judged(events.all_told, story) == ["no event"]
    drift_told(story, "second", second)
    assert judged(events.all_told, story) == []


def test_two_events_tell_of_two_corrections_in_whatever_order_they_come(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.touched(declared(1) | {"data": {"value": "other"}})
    story.live(declared(1))
    again = story.touched(declared(1) | {"data": {"value": "other"}}).at
    drift_told(story, "second", story.live(declared(1)).at)
    drift_told(story, "first", again - events.LATE - 1)
    assert judged(events.all_told, story) == []


def test_an_event_told_by_a_wrong_clock_is_taken_for_the_correction_of_its_time(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    first = story.touched(declared(1) | {"data": {"value": "other"}}).at
    story.live(declared(1))
    story.touched(declared(1) | {"data": {"value": "other"}})
    story.journal.clocks.add(1e8)
    drift_told(story, "second", story.live(declared(1)).at)
    drift_told(story, "first", first - events.LATE, wrong=1e8)
    assert judged(events.all_told, story) == []


def test_an_event_of_another_time_tells_of_no_correction(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.touched(declared(1) | {"data": {"value": "other"}})
    drift_told(story, "first", story.live(declared(1)).at + 60)
    assert judged(events.all_told, story) == ["no event"]


def test_a_watch_that_shows_a_change_late_does_not_make_its_event_too_early(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    at = story.touched(declared(1) | {"data": {"value": "other"}}).at
    story.live(declared(1))
    key, states = next(iter(story.record.objects.items()))
    story.record.objects[key] = [states[0], *(replace(one, at=one.at + 60) for one in states[1:])]
    drift_told(story, "first", at)
    assert judged(events.all_told, story) == []


def test_what_a_commit_made_new_meanwhile_is_no_correction(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.touched(declared(1) | {"data": {"value": "other"}})
    story.commit(declared(2))
    story.live(declared(2))
    assert judged(events.all_told, story) == []


def test_a_delivery_that_came_twice_is_counted(story: Story):
    story.told("Some")
    story.told("Some")
    assert events.duplicates(story.record) == (1, 0)


# O4


def test_one_write_for_each_commit_and_each_touch_is_no_breach(story: Story):
    story.live(declared(1))
    story.live(declared(2))
    story.touched(declared(2) | {"data": {"value": "other"}})
    story.live(declared(2))
    assert judged(objects.written_once, story) == []


def test_a_write_in_a_time_that_the_watch_did_not_show_may_have_had_a_reason(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    before = story.live(declared(1), ours="a commit")
    again = story.live(declared(1), ours="a revert")
    assert judged(objects.written_once, story) != []
    story.record.gaps["ConfigMap"] = [(1, before.version)]
    assert judged(objects.written_once, story) != []
    story.record.gaps["ConfigMap"] = [(before.version, again.version)]
    assert judged(objects.written_once, story) == []


def test_a_second_write_of_the_same_is_a_breach(story: Story):
    story.live(declared(1))
    story.live(declared(2))
    story.live(declared(2))
    assert len(judged(objects.written_once, story)) == 1


def test_a_write_by_a_controller_is_none(story: Story):
    first = story.live(declared(1))
    story.live(declared(1) | {"spec": "filled in"}, ours=first.ours)
    assert judged(objects.written_once, story) == []


def test_taking_over_fields_for_good_is_a_write_more(story: Story):
    story.live(declared(1))
    story.live(declared(2), managers=frozenset({"setpoint", "kubectl-edit"}))
    story.live(declared(2), managers=frozenset({"setpoint"}))
    assert judged(objects.written_once, story) == []


# O5


def test_an_object_of_an_older_commit_is_a_breach(story: Story):
    story.live(declared(2))
    story.live(declared(1))
    story.live(declared(3))
    assert judged(objects.never_older, story) == ["1"]


def test_a_deleted_object_that_comes_back_older_is_a_breach(story: Story):
    story.live(declared(2))
    story.live(None)
    story.live(declared(1), uid="v")
    assert judged(objects.never_older, story) == ["1"]


def test_a_kustomization_that_goes_back_is_a_breach(story: Story):
    first, second = story.commit(declared(1)), story.commit(declared(2))
    story.says(second)
    story.says(first)
    assert judged(objects.never_older, story) == ["1", "1"]


def test_a_source_whose_sequence_goes_back_is_a_breach(story: Story):
    commit = story.commit(declared(1))
    for sequence in (5, 4):
        story.stored(commit, sequence)
    assert judged(objects.never_older, story) == ["4"]


def test_what_an_older_commit_declares_is_no_breach_after_the_branch_went_back_to_it(story: Story):
    first, second = story.commit(declared(1)), story.commit(declared(2))
    story.live(declared(2))
    story.says(second)
    story.back(first)
    story.live(declared(1))
    story.says(first, attempted=3)
    assert judged(objects.never_older, story) == []
    assert judged(status.ready, story) == []


def test_an_object_older_than_the_commit_that_the_branch_went_back_to_is_a_breach(story: Story):
    story.commit(declared(1))
    second = story.commit(declared(2))
    story.commit(declared(3))
    story.live(declared(3))
    story.back(second)
    story.live(declared(1))
    assert judged(objects.never_older, story) == ["1"]


def test_the_newer_commit_is_a_breach_after_the_branch_went_back_and_was_followed(story: Story):
    first, second = story.commit(declared(1)), story.commit(declared(2))
    story.says(second)
    story.back(first)
    story.says(first, attempted=3)
    story.says(second)
    assert "2" in judged(objects.never_older, story)


def test_what_was_under_way_when_the_branch_went_back_may_still_come(story: Story):
    first, second = story.commit(declared(1)), story.commit(declared(2))
    for said in (first, second):
        story.told("ReconciliationSucceeded", metadata={"revision": revision(said)})
    story.live(declared(1))
    story.says(first, attempted=1)
    story.back(first)
    story.live(declared(1) | {"more": "that somebody else set"})
    story.says(first, ready="Unknown", reason="Progressing", attempted=1)
    story.live(declared(2))
    story.says(second, attempted=2)
    assert judged(objects.never_older, story) == []
    assert judged(events.all_told, story) == []
    story.live(declared(1))
    story.says(first, attempted=3)
    assert judged(objects.never_older, story) == []
    story.live(declared(2))
    assert judged(objects.never_older, story) == ["2"]


def test_what_was_under_way_when_the_branch_went_back_may_still_be_pruned(story: Story):
    first = story.commit(declared(1))
    story.commit(declared(2, "other"))
    story.live(declared(1))
    story.back(first)
    story.touched(declared(1) | {"more": "that somebody else set"})
    story.live(None)
    story.record.deletions.append(Deletion(key=KEY, at=float(story.version)))
    assert judged(objects.rightly_deleted, story) == []


def test_a_deletion_because_the_branch_went_back_to_before_the_object_is_none(story: Story):
    first = story.commit(declared(1, "other"))
    story.commit(declared(2))
    story.live(declared(2))
    story.back(first)
    story.live(None)
    story.record.deletions.append(Deletion(key=KEY, at=float(story.version)))
    assert judged(objects.rightly_deleted, story) == []


# O6


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_canary_is_found_plain_and_in_base64_wherever_it_begins(before: str):
    canary = "canary-0123456789abcdef"
    text = f"{before}{canary} and more"
    for data in (text.encode(), base64.b64encode(text.encode())):
        found = list(secrets.kept([("log", b'{"x":"' + data + b'"}')], [canary]))
        assert [one.object for one in found] == ["log"]


def test_a_place_without_a_canary_is_no_breach():
    assert list(secrets.kept([("log", b"nothing")], ["canary-0123456789abcdef"])) == []


# O7


def sample(**more: Any) -> Sample:
    facts = {"at": 1.0, "rss": 80.0, "fds": 30, "children": 2, "files": 9}
    return Sample(service="source", **(facts | more))


@pytest.mark.parametrize("over", [{"rss": 900.0}, {"fds": 900}, {"children": 90}, {"files": 9000}])
def test_what_does_not_come_back_to_its_bound_is_a_breach(story: Story, over: Any):
    story.record.samples = [sample(**over), sample()]
    assert list(resources.bounded(story.record)) == []
    story.record.samples.append(sample(**over))
    assert len(list(resources.bounded(story.record))) == 1


def test_artifacts_in_pieces_that_nobody_sweeps_are_a_breach():
    pieces = {str(number) for number in range(60)}
    assert list(resources.swept(pieces, pieces)) == []
    assert [one.seen for one in resources.swept(pieces, set())] == ["60"]


def test_a_service_that_ends_by_itself_is_a_breach():
    assert len(list(resources.ended({"source": [(1.0, -9), (2.0, 1)]}))) == 1


def test_a_growing_service_has_a_slope():
    samples = [sample(at=60.0 * n, rss=80 + n) for n in range(10)]
    assert resources.slope(samples)["source"] == pytest.approx(60)


# O8


def test_a_status_that_says_ready_before_the_object_is_so_is_a_breach(story: Story):
    story.live(declared(1))
    story.commit(declared(1))
    story.says(story.commit(declared(2)))
    story.live(declared(2))
    where = f".metadata.annotations.{COMMIT}, .data.value"
    assert judged(status.honest, story) == [f"{KEY} differs in {where}"]


def test_a_status_that_says_ready_when_it_is_so_is_none(story: Story):
    commit = story.commit(declared(1))
    story.live(declared(1))
    story.says(commit)
    assert judged(status.honest, story) == []


def test_a_state_that_the_watch_may_have_missed_is_no_fault_of_the_status(story: Story):
    commit = story.commit(declared(1))
    story.says(commit)
    assert len(judged(status.honest, story)) == 1
    story.record.gaps["ConfigMap"].append((0, 9))
    assert judged(status.honest, story) == []


def test_an_object_that_did_not_change_while_the_watch_was_away_is_judged(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.says(story.commit(declared(2)))
    story.record.gaps["ConfigMap"].append((1, 9))
    assert len(judged(status.honest, story)) == 1
    story.live(declared(2))
    assert judged(status.honest, story) == []


def test_an_object_that_ended_while_the_watch_was_away_is_no_fault_of_the_status(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.says(story.commit())
    assert len(judged(status.honest, story)) == 1
    story.live(None)
    story.record.gaps["ConfigMap"].append((1, story.version))
    assert judged(status.honest, story) == []


def test_what_others_did_just_before_is_not_the_fault_of_the_status(story: Story):
    commit = story.commit(declared(1))
    story.live(declared(1))
    story.touched(declared(1) | {"data": {"value": "other"}})
    story.says(commit)
    story.says(commit, "Unknown")
    story.touched(None)
    story.says(commit)
    assert judged(status.honest, story) == []


def test_ready_with_an_object_that_should_be_gone_is_a_breach(story: Story):
    story.commit(declared(1))
    story.live(declared(1))
    story.says(story.commit())
    assert judged(status.honest, story) == [f"{KEY} is there, which commit 2 does not declare"]


def test_ready_in_spite_of_a_refused_object_is_a_breach(story: Story):
    commit = story.commit(declared(1), broken=True)
    story.live(declared(1))
    story.says(commit)
    assert len(judged(status.honest, story)) == 1


def test_ready_before_what_is_waited_for_is_rolled_out_is_a_breach(story: Story):
    commit = story.commit(declared(1))
    story.live(declared(1), healthy=False)
    story.says(commit, spec={**SPEC, "wait": True})
    assert judged(status.honest, story) == [f"{KEY} is not rolled out"]


def test_a_failure_without_a_reason_is_a_breach(story: Story):
    story.says(story.commit(declared(1)), "False", reason="")
    assert judged(status.honest, story) == ["Ready False without"]


def test_what_was_judged_is_not_judged_again_by_what_came_later(story: Story):
    commit = story.commit(declared(1))
    story.live(declared(1))
    story.says(commit)
    story.live(declared(1), ours="entry 1")
    story.record.cut()
    assert judged(status.honest, story) == []
    story.touched(declared(1) | {"data": {"value": "other"}})
    story.live(declared(1) | {"data": {"value": "wrong"}})
    story.says(story.commit(declared(2)))
    assert len(judged(status.honest, story)) == 1
