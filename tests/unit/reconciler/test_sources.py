import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.reconciler.core.sources import (
    Source,
    from_announcement,
    from_object,
    merge_announcement,
    merge_object,
)
from shared.messages import RevisionAnnounced


def known(**changes):
    values = {
        "kind": "GitRepository",
        "namespace": "apps",
        "name": "repo",
        "uid": "u1",
        "sequence": 5,
        "revision": "main@sha1:" + "5" * 40,
        "digest": "sha256:" + "5" * 64,
    }
    return Source(**(values | changes))


def test_a_higher_sequence_of_the_same_object_is_newer():
    newer = known(sequence=6, digest="sha256:" + "6" * 64)
    assert merge_announcement(known(), newer) == newer
    assert merge_object(known(), newer) == newer


def test_an_older_announcement_delivered_late_changes_nothing():
    assert merge_announcement(known(), known(sequence=4, digest="d4")) == known()


def test_an_object_read_late_does_not_undo_a_newer_announcement():
    assert merge_object(known(), known(sequence=4, digest="d4")) == known()


def test_at_an_equal_sequence_the_object_decides():
    assert merge_object(known(), known(digest="other")).digest == "other"
    assert merge_announcement(known(), known(digest="other")) == known()


def test_another_uid_starts_anew_but_only_the_object_may_bring_one():
    recreated = known(uid="u2", sequence=1)
    assert merge_object(known(), recreated) == recreated
    assert merge_announcement(known(), recreated) == known()
    assert merge_announcement(None, recreated) is None


def test_the_index_of_the_same_artifact_is_kept():
    announced = known(index_digest="sha256:" + "a" * 64)
    assert merge_object(announced, known()).index_digest == announced.index_digest
    assert merge_announcement(known(), announced).index_digest == announced.index_digest


def test_an_object_without_artifact_says_why():
    obj = {
        "kind": "GitRepository",
        "metadata": {"namespace": "apps", "name": "repo", "uid": "u1"},
        "status": {"conditions": [{"type": "Ready", "status": "False", "message": "no route"}]},
    }
    source = from_object(obj)
    assert (source.digest, source.sequence, source.trouble) == ("", 0, "no route")


def test_object_and_announcement_read_alike():
    obj = {
        "kind": "GitRepository",
        "metadata": {"namespace": "apps", "name": "repo", "uid": "u1"},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "artifact": {
                "revision": known().revision,
                "digest": known().digest,
                "metadata": {"setpoint.dev/sequence": "5"},
            },
        },
    }
    message = RevisionAnnounced(
        kind="GitRepository",
        namespace="apps",
        name="repo",
        uid="u1",
        sequence=5,
        revision=known().revision,
        digest=known().digest,
    )
    assert from_object(obj) == from_announcement(message) == known()


def declared(**artifact):
    return {
        "kind": "GitRepository",
        "metadata": {"namespace": "apps", "name": "repo", "uid": "u1"},
        "status": {
            "artifact": {"revision": "main@sha1:" + "5" * 40, "digest": "sha256:" + "5" * 64}
            | artifact
        },
    }


@pytest.mark.parametrize("digest", ["sha512:" + "5" * 128, "blake3:" + "5" * 64, "sha256:5", "?"])
def test_an_artifact_whose_digest_is_another_programs_is_none_and_that_is_said(digest):
    found = from_object(declared(digest=digest))
    assert found.digest == ""
    assert "no sha256" in found.trouble
    assert from_object(declared()).digest == "sha256:" + "5" * 64


@pytest.mark.parametrize("sequence", ["9" * 5000, "-1", "1e9", "²", ""])
def test_a_sequence_that_is_no_number_of_ours_counts_as_none(sequence):
    assert from_object(declared(metadata={"setpoint.dev/sequence": sequence})).sequence == 0


@pytest.mark.parametrize(
    "forged",
    [
        {"digest": "sha512:" + "5" * 128},
        {"digest": "file:///etc/passwd"},
        {"index_digest": "d"},
        {"index_digest": "../../etc/passwd"},
        {"sequence": 10**18},
        {"sequence": -1},
    ],
)
def test_an_announcement_without_a_digest_and_a_number_of_ours_is_malformed(forged):
    words = {
        "kind": "GitRepository",
        "namespace": "apps",
        "name": "repo",
        "uid": "u1",
        "sequence": 6,
        "revision": "main@sha1:" + "6" * 40,
        "digest": "sha256:" + "6" * 64,
    }
    assert RevisionAnnounced.model_validate(words).index_digest == ""
    with pytest.raises(ValidationError):
        RevisionAnnounced.model_validate(words | forged)


WORDS = st.lists(
    st.tuples(st.sampled_from([merge_announcement, merge_object]), st.integers(1, 6)), max_size=8
)


@given(WORDS)
def test_in_whatever_order_words_about_a_source_come_the_newest_holds(words):
    found, newest = known(sequence=1, digest="d1"), 1
    for merge, sequence in words:
        newest = max(newest, sequence)
        found = merge(found, known(sequence=sequence, digest=f"d{sequence}"))
        assert (found.sequence, found.digest) == (newest, f"d{newest}")


@given(WORDS, st.integers(1, 9))
def test_only_the_object_itself_brings_another_source_under_the_same_name(words, sequence):
    found = known(sequence=6)
    other = known(uid="u2", sequence=sequence)
    assert merge_announcement(found, other) == found
    assert merge_object(found, other) == other
    for merge, older in words:
        if merge is merge_announcement:
            assert merge(other, known(sequence=older)) == other


def test_the_object_names_the_index_too_as_it_may_be_seen_before_the_announcement():
    obj = {
        "kind": "GitRepository",
        "metadata": {"namespace": "apps", "name": "repo", "uid": "u1"},
        "status": {
            "artifact": {
                "digest": "sha256:" + "5" * 64,
                "metadata": {
                    "setpoint.dev/sequence": "5",
                    "setpoint.dev/index": "sha256:" + "a" * 64,
                },
            },
        },
    }
    assert from_object(obj).index_digest == "sha256:" + "a" * 64
    assert merge_object(known(), from_object(obj)).index_digest == "sha256:" + "a" * 64
