"""A subject: what it says gives the same subject again, or it is malformed."""

from contextlib import suppress

from shared.errors import MalformedError
from shared.messages import subjects


def one(data):
    text = data.decode(errors="replace")
    for parse in (subjects.parse_revision, subjects.parse_command, subjects.parse_event):
        try:
            found = parse(text)
        except MalformedError:
            continue
        rest = (found.kind, found.namespace, found.name)
        match parse:
            case subjects.parse_revision:
                again = subjects.revision(found.cluster, *rest)
            case subjects.parse_command:
                again = subjects.command(found.cluster, *rest)
            case _:
                again = subjects.event(found.cluster, found.severity, *rest)
        assert again == text
    with suppress(MalformedError):
        order = subjects.parse_delivery(text)
        assert subjects.delivery(order.cluster, order.namespace, order.provider) == text
    with suppress(MalformedError):
        assert subjects.deadletter(*subjects.parse_deadletter(text)) == text
