"""
Subjects and streams: where each message goes.

A subject starts with its family and the cluster; the name of an object is the rest of the subject,
since names may contain dots and namespaces never do. Objects of the cluster have namespace ``_``.
"""

import re
from dataclasses import dataclass

from shared.errors import MalformedError

REVISIONS = "REVISIONS"
COMMANDS = "COMMANDS"
EVENTS = "EVENTS"
DELIVERIES = "DELIVERIES"
DEADLETTERS = "DEADLETTERS"
ARTIFACTS = "artifacts"  # object store
RECEIPTS = "RECEIPTS"  # key-value bucket

NO_NAMESPACE = "_"
SEVERITIES = ("info", "error")

_CLUSTER = re.compile(r"[a-z0-9-]+")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# A subject token: no wildcard, no white space, no control character; tokens are never empty.
_REST = re.compile(r"[^\s.*>\x00-\x1f\x7f]+(\.[^\s.*>\x00-\x1f\x7f]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSubject:
    """
    What a subject about one object says; ``namespace`` is empty for objects of the cluster.
    """

    cluster: str
    kind: str
    namespace: str
    name: str
    severity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySubject:
    """
    Which provider a delivery is for.
    """

    cluster: str
    namespace: str
    provider: str


def revision(cluster: str, kind: str, namespace: str, name: str) -> str:
    """
    Return the subject of a source's revisions.
    """
    return _object("revisions", cluster, kind, namespace, name)


def command(cluster: str, kind: str, namespace: str, name: str) -> str:
    """
    Return the subject of the commands to an object.
    """
    return _object("commands", cluster, kind, namespace, name)


def event(cluster: str, severity: str, kind: str, namespace: str, name: str) -> str:
    """
    Return the subject of an object's events of one severity.
    """
    if severity not in SEVERITIES:
        raise MalformedError(f"severity {severity!r} is not one of {', '.join(SEVERITIES)}")
    rest = _object("", cluster, kind, namespace, name).split(".", 2)[2]
    return f"events.{cluster}.{severity}.{rest}"


def delivery(cluster: str, namespace: str, provider: str) -> str:
    """
    Return the subject of the deliveries to a provider.
    """
    _match(_CLUSTER, "cluster", cluster)
    _match(_NAMESPACE, "namespace", namespace)
    _match(_REST, "provider", provider)
    return f"deliveries.{cluster}.{namespace}.{provider}"


def deadletter(cluster: str, *rest: str) -> str:
    """
    Return the subject of a dead letter; ``rest`` says where it came from.
    """
    _match(_CLUSTER, "cluster", cluster)
    tail = ".".join(rest)
    _match(_REST, "dead letter", tail)
    return f"deadletters.{cluster}.{tail}"


def parse_revision(subject: str) -> ObjectSubject:
    """
    Read the subject of a revision.
    """
    return _parse_object("revisions", subject)


def parse_command(subject: str) -> ObjectSubject:
    """
    Read the subject of a command.
    """
    return _parse_object("commands", subject)


def parse_event(subject: str) -> ObjectSubject:
    """
    Read the subject of an event.
    """
    parts = subject.split(".", 5)
    if len(parts) != 6 or parts[0] != "events" or parts[2] not in SEVERITIES:  # noqa: PLR2004
        raise _no_subject("events", subject)
    return _checked(parts[1], parts[3], parts[4], parts[5], severity=parts[2])


def parse_delivery(subject: str) -> DeliverySubject:
    """
    Read the subject of a delivery.
    """
    parts = subject.split(".", 3)
    if len(parts) != 4 or parts[0] != "deliveries":  # noqa: PLR2004
        raise _no_subject("deliveries", subject)
    if delivery(*parts[1:]) != subject:
        raise _no_subject("deliveries", subject)
    return DeliverySubject(cluster=parts[1], namespace=parts[2], provider=parts[3])


def parse_deadletter(subject: str) -> tuple[str, str]:
    """
    Read the subject of a dead letter: the cluster and the rest.
    """
    parts = subject.split(".", 2)
    if len(parts) != 3 or parts[0] != "deadletters":  # noqa: PLR2004
        raise _no_subject("deadletters", subject)
    deadletter(parts[1], parts[2])
    return parts[1], parts[2]


def _object(family: str, cluster: str, kind: str, namespace: str, name: str) -> str:
    _match(_CLUSTER, "cluster", cluster)
    _match(_KIND, "kind", kind)
    if namespace:
        _match(_NAMESPACE, "namespace", namespace)
    _match(_REST, "name", name)
    return f"{family}.{cluster}.{kind}.{namespace or NO_NAMESPACE}.{name}"


def _parse_object(family: str, subject: str) -> ObjectSubject:
    parts = subject.split(".", 4)
    if len(parts) != 5 or parts[0] != family:  # noqa: PLR2004
        raise _no_subject(family, subject)
    return _checked(*parts[1:])


def _checked(
    cluster: str, kind: str, namespace: str, name: str, severity: str = ""
) -> ObjectSubject:
    _match(_REST, "namespace", namespace)  # that of an object of the cluster is a token, too
    namespace = "" if namespace == NO_NAMESPACE else namespace
    _object("", cluster, kind, namespace, name)
    return ObjectSubject(
        cluster=cluster, kind=kind, namespace=namespace, name=name, severity=severity
    )


def _match(form: re.Pattern[str], what: str, text: str) -> None:
    if form.fullmatch(text) is None:
        raise MalformedError(f"{what} {text[:80]!r} cannot be part of a subject")


def _no_subject(family: str, subject: str) -> MalformedError:
    return MalformedError(f"{subject[:120]!r} is not a subject of {family}")
