"""
The wire contract: what the services say to each other, and on which subjects.

Frozen pydantic models and pure functions, tolerant of unknown fields when read. No I/O, no clock,
no randomness: times and ids come in as arguments. Everybody may import it.
"""

from shared.messages.artifact import RevisionAnnounced
from shared.messages.base import Message
from shared.messages.command import Command
from shared.messages.deadletter import DeadLetter
from shared.messages.delivery import DeliveryOrder
from shared.messages.envelope import Envelope, UnknownVersion, decode, encode, payload_as
from shared.messages.event import Event, InvolvedObject, event_id

__all__ = [
    "Command",
    "DeadLetter",
    "DeliveryOrder",
    "Envelope",
    "Event",
    "InvolvedObject",
    "Message",
    "RevisionAnnounced",
    "UnknownVersion",
    "decode",
    "encode",
    "event_id",
    "payload_as",
]
