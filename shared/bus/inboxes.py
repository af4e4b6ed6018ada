"""Addresses for answers: one subscription for all of them, one token for each who waits."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.bus.waiting import Message


class Inboxes:
    """
    Who hears what comes in below a prefix.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = f"{prefix}.{secrets.token_hex(8)}"
        self._handlers: dict[str, Callable[[Message], None]] = {}

    @contextmanager
    def open(self, handler: Callable[[Message], None]) -> Iterator[str]:
        """
        Give an address whose answers go to the handler.
        """
        token = secrets.token_hex(8)
        self._handlers[token] = handler
        try:
            yield f"{self.prefix}.{token}"
        finally:
            self._handlers.pop(token, None)

    def take(self, message: Message) -> None:
        """
        Hand a message to who waits for it; an answer that came too late is for nobody.
        """
        handler = self._handlers.get(message.subject.rpartition(".")[2])
        if handler is not None:
            handler(message)
