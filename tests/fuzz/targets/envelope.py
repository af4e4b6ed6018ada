"""A message of the bus: an envelope, a newer one, or malformed; a payload likewise."""

from shared.errors import MalformedError
from shared.messages import Command, DeliveryOrder, Event, RevisionAnnounced, UnknownVersion
from shared.messages.envelope import decode, encode, payload_as

MODELS = (Command, DeliveryOrder, Event, RevisionAnnounced)


def one(data):
    try:
        found = decode(data)
    except (MalformedError, UnknownVersion):
        return
    for model in MODELS:
        try:
            payload_as(found, model)
        except MalformedError:
            continue
    try:
        again = encode(found)
    except MalformedError:
        return
    assert encode(decode(again)) == again
