import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import Conditions, Digest, ObjectKey, Revision

names = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)


@given(namespace=st.one_of(st.just(""), names), name=names, group=names, kind=st.just("Deployment"))
def test_an_inventory_id_reads_back_as_the_same_key(namespace, name, group, kind):
    key = ObjectKey(group=group, kind=kind, namespace=namespace, name=name)
    assert ObjectKey.from_inventory_id(key.inventory_id) == key


def test_colons_in_names_of_roles_are_written_as_two_underscores():
    key = ObjectKey(
        group="rbac.authorization.k8s.io", kind="ClusterRole", namespace="", name="system:x"
    )
    assert key.inventory_id == "_system__x_rbac.authorization.k8s.io_ClusterRole"
    assert ObjectKey.from_inventory_id(key.inventory_id) == key


def test_the_core_group_is_empty_in_an_inventory_id():
    key = ObjectKey(group="", kind="ConfigMap", namespace="default", name="cm")
    assert key.inventory_id == "default_cm__ConfigMap"


@pytest.mark.parametrize("text", ["", "a_b_c", "_x", "a_b__", "plain"])
def test_a_text_that_is_no_inventory_id_is_refused(text):
    with pytest.raises(ValueError, match="inventory id"):
        ObjectKey.from_inventory_id(text)


def test_a_digest_matches_only_its_own_bytes():
    digest = Digest.of(b"x")
    assert digest.matches(b"x")
    assert not digest.matches(b"y")
    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize("text", ["sha1:" + "0" * 40, "sha256:" + "0" * 63, "sha256:" + "G" * 64])
def test_a_digest_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match="sha256"):
        Digest.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "main@sha1:" + "a" * 40,
        "refs/heads/x@sha1:" + "b" * 40,
        "sha1:" + "c" * 40,
        "feature/a@b@sha1:" + "d" * 40,
        "@a@sha1:" + "d" * 40,
        "a\u00a0b@sha1:" + "d" * 40,
    ],
)
def test_a_revision_reads_back_as_written(text):
    assert str(Revision.parse(text)) == text


def test_a_condition_keeps_its_time_until_something_that_people_see_changes():
    first = Conditions().set("Ready", "True", "Succeeded", "m", generation=1, now="t1")
    same = first.set("Ready", "True", "Succeeded", "m", generation=2, now="t2")
    other = same.set("Ready", "True", "Succeeded", "n", generation=2, now="t3")
    assert [c.get("Ready").last_transition for c in (first, same, other)] == ["t1", "t1", "t3"]
    assert same.get("Ready").generation == 2


def test_conditions_are_stored_stalled_reconciling_ready_then_the_others():
    conditions = Conditions()
    for kind in ("Healthy", "Ready", "Reconciling", "Stalled"):
        conditions = conditions.set(kind, "True", "R", "", generation=1, now="t")
    assert [c.type for c in conditions] == ["Stalled", "Reconciling", "Ready", "Healthy"]
