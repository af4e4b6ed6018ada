"""Imperative requests between the services."""

from typing import Literal

from shared.messages.base import Message


class Command(Message):
    """
    Look at the origin now, or store and announce the last artifact again.

    ``uid`` names the object that was meant; empty means whatever has the name now.
    """

    action: Literal["look", "republish"]
    kind: str
    namespace: str
    name: str
    uid: str = ""
    cause: str = ""
