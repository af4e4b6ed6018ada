"""
The streams and buckets: what each keeps, and which user declares it.

Sizes are reserved by the server: its ``max_file_store`` must hold their sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.messages import subjects

MIB = 1024 * 1024
DAY = 24 * 3600.0  # seconds
DUPLICATES = 120.0  # seconds in which the server drops a second message with the same id
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """
    What a stream keeps; sizes in bytes, times in seconds, 0 for no limit.

    All are on disk, and refuse what is new when they are full: loss is never silent.
    """

    name: str
    subjects: tuple[str, ...]
    max_bytes: int
    max_age: float = 0.0
    per_subject: int = 0
    work_queue: bool = False
    rollup: bool = False

    def config(self) -> dict[str, Any]:
        """
        Return the form of JetStream's API.
        """
        return {
            "name": self.name,
            "subjects": list(self.subjects),
            "retention": "workqueue" if self.work_queue else "limits",
            "storage": "file",
            "discard": "new",
            "max_bytes": self.max_bytes,
            "max_age": int(self.max_age * _NANO),
            "max_msgs": -1,
            "max_msgs_per_subject": self.per_subject or -1,
            "max_consumers": -1,
            "max_msg_size": -1,
            "num_replicas": 1,
            "duplicate_window": int(DUPLICATES * _NANO),
            "allow_direct": True,
            "allow_rollup_hdrs": self.rollup,
        }


REVISIONS = StreamSpec(
    name=subjects.REVISIONS, subjects=("revisions.>",), max_bytes=64 * MIB, per_subject=1
)
COMMANDS = StreamSpec(
    name=subjects.COMMANDS,
    subjects=("commands.>",),
    max_bytes=16 * MIB,
    max_age=3600.0,
    work_queue=True,
)
EVENTS = StreamSpec(
    name=subjects.EVENTS, subjects=("events.>",), max_bytes=512 * MIB, max_age=7 * DAY
)
DELIVERIES = StreamSpec(
    name=subjects.DELIVERIES,
    subjects=("deliveries.>",),
    max_bytes=512 * MIB,
    max_age=4 * DAY,
    work_queue=True,
)
DEADLETTERS = StreamSpec(
    name=subjects.DEADLETTERS, subjects=("deadletters.>",), max_bytes=128 * MIB
)
ARTIFACTS = StreamSpec(
    name=f"OBJ_{subjects.ARTIFACTS}",
    subjects=(f"$O.{subjects.ARTIFACTS}.C.>", f"$O.{subjects.ARTIFACTS}.M.>"),
    max_bytes=4096 * MIB,
    rollup=True,
)
RECEIPTS = StreamSpec(
    name=f"KV_{subjects.RECEIPTS}",
    subjects=(f"$KV.{subjects.RECEIPTS}.>",),
    max_bytes=256 * MIB,
    per_subject=1,
    rollup=True,
)

ALL = (REVISIONS, COMMANDS, EVENTS, DELIVERIES, DEADLETTERS, ARTIFACTS, RECEIPTS)
FILE_STORE = sum(spec.max_bytes for spec in ALL) + 64 * MIB  # bytes; and room for a test's streams

# A stream is declared by who writes it. Commands have two writers, which declare the same.
DECLARED_BY: Mapping[str, tuple[StreamSpec, ...]] = {
    "source": (REVISIONS, ARTIFACTS),
    "reconciler": (RECEIPTS, COMMANDS),
    "notifier": (EVENTS, DELIVERIES, DEADLETTERS, COMMANDS),
}
