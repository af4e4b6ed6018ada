import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedError
from shared.messages import subjects

CLUSTER = st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True)
KIND = st.sampled_from(["GitRepository", "Kustomization", "Alert"])
NAMESPACE = st.just("") | st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAME = st.from_regex(r"[a-z0-9:-]{1,6}(\.[a-z0-9-]{1,6}){0,3}", fullmatch=True)


@given(CLUSTER, KIND, NAMESPACE, NAME)
def test_the_subject_of_an_object_says_which_it_is_whatever_dots_its_name_has(
    cluster, kind, namespace, name
) -> None:
    want = subjects.ObjectSubject(cluster=cluster, kind=kind, namespace=namespace, name=name)
    revision = subjects.revision(cluster, kind, namespace, name)
    command = subjects.command(cluster, kind, namespace, name)
    assert subjects.parse_revision(revision) == want
    assert subjects.parse_command(command) == want


@given(CLUSTER, st.sampled_from(["info", "error"]), KIND, NAMESPACE, NAME)
def test_the_subject_of_an_event_says_its_severity(
    cluster, severity, kind, namespace, name
) -> None:
    subject = subjects.event(cluster, severity, kind, namespace, name)
    assert subjects.parse_event(subject) == subjects.ObjectSubject(
        cluster=cluster, severity=severity, kind=kind, namespace=namespace, name=name
    )


def test_subjects_have_the_form_of_the_contract() -> None:
    assert subjects.revision("local", "GitRepository", "ns", "a.b") == (
        "revisions.local.GitRepository.ns.a.b"
    )
    assert subjects.event("local", "info", "Lease", "", "x") == "events.local.info.Lease._.x"
    assert subjects.delivery("local", "ns", "chat.x") == "deliveries.local.ns.chat.x"
    assert subjects.deadletter("local", "deliveries", "ns.chat") == (
        "deadletters.local.deliveries.ns.chat"
    )


def test_deliveries_and_dead_letters_are_read_back() -> None:
    delivery = subjects.parse_delivery("deliveries.local.ns.chat.x")
    assert (delivery.cluster, delivery.namespace, delivery.provider) == ("local", "ns", "chat.x")
    assert subjects.parse_deadletter("deadletters.local.a.b") == ("local", "a.b")


@pytest.mark.parametrize("name", ["", "a..b", ".a", "a.", "*", "a.>", "a b", "a\n", "a\x00"])
def test_a_name_that_is_no_subject_is_refused(name) -> None:
    with pytest.raises(MalformedError):
        subjects.revision("local", "GitRepository", "ns", name)


@pytest.mark.parametrize(
    ("cluster", "kind", "namespace"),
    [
        ("Local", "K", "ns"),
        ("a.b", "K", "ns"),
        ("", "K", "ns"),
        ("l", "k", "ns"),
        ("l", "K", "a.b"),
    ],
)
def test_a_token_of_another_form_is_refused(cluster, kind, namespace) -> None:
    with pytest.raises(MalformedError):
        subjects.command(cluster, kind, namespace, "x")


def test_a_severity_that_never_goes_on_the_bus_is_refused() -> None:
    with pytest.raises(MalformedError, match="trace"):
        subjects.event("local", "trace", "K", "ns", "x")


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "revisions.local.K.ns",
        "commands.local.K.ns.x",
        "revisions.local.K..x",
        "revisions.local.K.ns.*",
    ],
)
def test_another_subject_is_not_read_as_a_revision(subject) -> None:
    with pytest.raises(MalformedError):
        subjects.parse_revision(subject)
