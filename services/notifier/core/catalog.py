"""
What is declared now: Alerts as rules, Providers, Receivers as hooks.

State without I/O: the service tells it what the watches show, the steps ask it.
"""

import hmac
from collections.abc import Iterable
from typing import TypeVar

from services.notifier.core.hooks import Hook
from services.notifier.core.match import Rule
from shared.api import Provider

Key = tuple[str, str]  # namespace, name
V = TypeVar("V")


class Catalog:
    """
    The declared objects that can be used; others are simply not in it.
    """

    def __init__(self) -> None:
        self._rules: dict[Key, Rule] = {}
        self._providers: dict[Key, Provider] = {}
        self._hooks: dict[Key, Hook] = {}
        self._paths: dict[str, Key] = {}

    def __repr__(self) -> str:
        return (
            f"Catalog({len(self._rules)} alerts, {len(self._providers)} providers, "
            f"{len(self._hooks)} receivers)"
        )

    @property
    def rules(self) -> list[Rule]:
        """
        The rules, in the order of their Alerts' namespaces and names.
        """
        return [self._rules[key] for key in sorted(self._rules)]

    @property
    def providers(self) -> Iterable[Provider]:
        """
        All Providers.
        """
        return tuple(self._providers.values())

    def put_rule(self, key: Key, rule: Rule | None) -> None:
        """
        Remember the rule of an Alert, or forget it.
        """
        _put(self._rules, key, rule)

    def provider(self, namespace: str, name: str) -> Provider | None:
        """
        Return a Provider.
        """
        return self._providers.get((namespace, name))

    def put_provider(self, key: Key, provider: Provider | None) -> None:
        """
        Remember a Provider, or forget it.
        """
        _put(self._providers, key, provider)

    @property
    def hooks(self) -> Iterable[Hook]:
        """
        Return the Receivers that are in use.
        """
        return tuple(self._hooks.values())

    def hook_at(self, path: str) -> Hook | None:
        """
        Return the receiver that listens on a path.

        The dictionary compares by hash first, so its time says nothing about a path that is near.
        """
        key = self._paths.get(path)
        hook = self._hooks.get(key) if key is not None else None
        if hook is None or not hmac.compare_digest(hook.path.encode(), path.encode()):
            return None
        return hook

    def put_hook(self, key: Key, hook: Hook | None) -> None:
        """
        Remember what a Receiver listens on, or forget it.
        """
        old = self._hooks.get(key)
        if old is not None:
            self._paths.pop(old.path, None)
        _put(self._hooks, key, hook)
        if hook is not None:
            self._paths[hook.path] = key


def _put(store: dict[Key, V], key: Key, value: V | None) -> None:
    if value is None:
        store.pop(key, None)
    else:
        store[key] = value
