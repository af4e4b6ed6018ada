"""
The users of the bus, each with the narrowest subjects, and the server's configuration.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shared.bus import streams
from shared.bus.streams import DECLARED_BY, StreamSpec

ADMIN = "admin"  # development and tests only
USERS = ("source", "reconciler", "notifier", "cli", ADMIN)
SOURCE_KINDS = ("GitRepository", "OCIRepository", "Bucket", "HelmRepository", "HelmChart")
APPLICATION_KINDS = ("Kustomization", "HelmRelease")
LOOPBACK = "127.0.0.1"
ANY_PORT = 0


def publish_subjects(user: str) -> tuple[str, ...]:
    """
    Return the subjects that a user may publish on, JetStream's requests included.
    """
    if user == ADMIN:
        return (">",)
    return tuple(dict.fromkeys([*_declare(DECLARED_BY.get(user, ())), *_OWN[user]]))


def server_config(
    store_dir: Path, passwords: Mapping[str, str], *, port: int = ANY_PORT, ports_dir: Path
) -> str:
    """
    Write a server's configuration: loopback, one account, all of JetStream synced to disk.

    The server writes a file with the port that it got into ``ports_dir``.
    """
    config: dict[str, Any] = {
        "host": LOOPBACK,
        "port": port or -1,
        "ports_file_dir": str(ports_dir),
        "jetstream": {
            "store_dir": str(store_dir),
            "max_memory_store": 64 * streams.MIB,
            "max_file_store": streams.FILE_STORE,
            # What is confirmed is on the disk: events and deliveries have no other copy.
            "sync_interval": "always",
        },
        "authorization": {
            "users": [
                {
                    "user": user,
                    "password": password,
                    "permissions": {
                        "publish": {"allow": list(publish_subjects(user))},
                        "subscribe": {"allow": [">" if user == ADMIN else f"_INBOX.{user}.>"]},
                    },
                }
                for user, password in passwords.items()
            ]
        },
    }
    return json.dumps(config, indent=1) + "\n"  # the server reads JSON too


def _declare(specs: Iterable[StreamSpec]) -> list[str]:
    return [
        f"$JS.API.STREAM.{verb}.{spec.name}"
        for spec in specs
        for verb in ("INFO", "CREATE", "UPDATE")
    ]


def _look(*specs: StreamSpec) -> list[str]:
    return [f"$JS.API.STREAM.INFO.{spec.name}" for spec in specs]


def _read(*specs: StreamSpec) -> list[str]:
    return [f"$JS.API.DIRECT.GET.{spec.name}" for spec in specs]


def _consume(spec: StreamSpec, durable: str) -> list[str]:
    return [
        f"$JS.API.CONSUMER.CREATE.{spec.name}.{durable}",
        f"$JS.API.CONSUMER.MSG.NEXT.{spec.name}.{durable}",
        f"$JS.ACK.{spec.name}.{durable}.>",
        # The longer form of acks, with domain and account.
        f"$JS.ACK.*.*.{spec.name}.{durable}.>",
    ]


def _purge(*specs: StreamSpec) -> list[str]:
    return [f"$JS.API.STREAM.PURGE.{spec.name}" for spec in specs]


def _events(kinds: Iterable[str]) -> list[str]:
    return [f"events.*.*.{kind}.>" for kind in kinds]


def _of_itself(user: str) -> str:
    # What a service says of itself: its Lease stands for it.
    return f"events.*.error.Lease.*.setpoint-{user}"


_OWN: Mapping[str, list[str]] = {
    "source": [
        "revisions.>",
        "$O.artifacts.>",
        *_events(SOURCE_KINDS),
        _of_itself("source"),
        "deadletters.>",
        *_look(streams.EVENTS, streams.COMMANDS),
        *_read(streams.ARTIFACTS, streams.REVISIONS),
        *_purge(streams.ARTIFACTS, streams.REVISIONS),
        *_consume(streams.COMMANDS, "source"),
    ],
    "reconciler": [
        *(f"commands.*.{kind}.>" for kind in SOURCE_KINDS),
        "$KV.RECEIPTS.>",
        *_events(APPLICATION_KINDS),
        _of_itself("reconciler"),
        "deadletters.>",
        *_look(streams.EVENTS, streams.REVISIONS, streams.ARTIFACTS),
        *_read(streams.ARTIFACTS, streams.REVISIONS, streams.RECEIPTS),
        *_purge(streams.RECEIPTS),
        *_consume(streams.COMMANDS, "reconciler"),
        # A position of its own for each process: nothing depends on what was acknowledged before.
        *_consume(streams.REVISIONS, "*"),
    ],
    "notifier": [
        # After a wipe it repeats the state of objects of every kind.
        "events.>",
        "commands.>",
        "deliveries.>",
        "deadletters.>",
        *_read(streams.EVENTS, streams.DELIVERIES, streams.DEADLETTERS),
        *_consume(streams.EVENTS, "notifier"),
        # One durable per Provider.
        *_consume(streams.DELIVERIES, "*"),
        f"$JS.API.CONSUMER.NAMES.{streams.DELIVERIES.name}",
        f"$JS.API.CONSUMER.DELETE.{streams.DELIVERIES.name}.*",
    ],
    "cli": [
        *_look(streams.EVENTS, streams.DEADLETTERS),
        *_read(streams.EVENTS, streams.DEADLETTERS),
        # Dead letters: drop, and send again to where they came from.
        f"$JS.API.STREAM.MSG.DELETE.{streams.DEADLETTERS.name}",
        "events.>",
        "commands.>",
        "deliveries.>",
        "revisions.>",
    ],
}
