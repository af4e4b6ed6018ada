"""
JetStream: connect, declare, publish, consume, objects, key-values, outbox.

It holds what every service needs of the bus and no opinion about what is said there. The client
library is known to ``connection`` alone; everything else speaks JetStream's own JSON over it, with
deadlines of its own. Services and the command line may import it; it imports no program, and
neither ``kube`` nor ``runtime``.
"""

from shared.bus.bus import Bus, BusSettings
from shared.bus.delivery import Received
from shared.bus.errors import BusForbidden, Disconnected, NoStream
from shared.bus.kv import Bucket
from shared.bus.objects import ArtifactObjects
from shared.bus.outbox import Outbox
from shared.bus.outcome import Ack, Nak, Outcome, Term, outcome_of
from shared.bus.publisher import EventPublisher
from shared.bus.refused import Author
from shared.bus.streams import StreamSpec

__all__ = [
    "Ack",
    "ArtifactObjects",
    "Author",
    "Bucket",
    "Bus",
    "BusForbidden",
    "BusSettings",
    "Disconnected",
    "EventPublisher",
    "Nak",
    "NoStream",
    "Outbox",
    "Outcome",
    "Received",
    "StreamSpec",
    "Term",
    "outcome_of",
]
