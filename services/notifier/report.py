"""
report: what Alerts, Providers and Receivers can do goes into the catalog and their statuses.
"""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from services.notifier.core.catalog import Catalog, Key
from services.notifier.core.hooks import hook_of, idle_fields
from services.notifier.core.match import rule_of
from services.notifier.core.status import changes, failed, succeeded
from services.notifier.core.target import check_supported, idle_settings, target_of
from services.notifier.ports import Declarations
from shared.api import Alert, Provider, Receiver
from shared.errors import SetpointError, TransientError, WaitingError
from shared.model import Conditions
from shared.runtime import Clock
from shared.runtime.clock import rfc3339

log = structlog.get_logger()
Json = Mapping[str, Any]


class Report:
    """
    Reads declared objects and says what it makes of them.

    Each of its methods returns whether the object can be used as it is.
    """

    def __init__(
        self,
        catalog: Catalog,
        declarations: Declarations,
        clock: Clock,
        *,
        check_address: Callable[[str], None],
        cross_namespace: bool,
    ) -> None:
        self._catalog = catalog
        self._declarations = declarations
        self._clock = clock
        self._check_address = check_address
        self._cross_namespace = cross_namespace
        self._troubles: dict[Key, str] = {}
        self._secrets: dict[Key, int] = {}  # hashes of this process; no value is kept
        self._renewed: set[Key] = set()

    def trouble(self, key: Key, text: str) -> bool:
        """
        Remember how deliveries to a Provider go; say whether that is news.
        """
        news = self._troubles.get(key, "") != text
        self._troubles[key] = text
        return news

    def forget(self, key: Key) -> None:
        """
        Forget a Provider that is gone.
        """
        self._troubles.pop(key, None)
        self._secrets.pop(key, None)
        self._renewed.discard(key)

    def renewed(self, key: Key) -> bool:
        """
        Say once whether the Secret of a Provider changed between two looks.
        """
        changed = key in self._renewed
        self._renewed.discard(key)
        return changed

    def interval_of(self, receiver: Json) -> float:
        """
        Return the seconds until a Receiver's Secret is looked at again.
        """
        return Receiver.read(receiver).spec.interval_seconds

    async def alert(self, data: Json) -> bool:
        """
        Look at an Alert.
        """
        key = _key(data)
        try:
            alert = Alert.read(data)
            rule = rule_of(alert, cross_namespace=self._cross_namespace)
            self._catalog.put_rule(key, rule)
            if alert.spec.suspend:
                return True
            self._check_provider(key[0], alert.spec.provider_ref.name)
        except SetpointError as error:
            if not isinstance(error, WaitingError):
                self._catalog.put_rule(key, None)
            await self._fail("Alert", data, error)
            return False
        await self._succeed("Alert", data, "; ".join(("Alert is initialised", *rule.faults)))
        return True

    async def provider(self, data: Json) -> bool:
        """
        Look at a Provider.
        """
        key = _key(data)
        try:
            provider = Provider.read(data)
            self._catalog.put_provider(key, provider)
            if provider.spec.suspend:
                return True
            check_supported(provider)
            await self._check_target(provider)
            if trouble := self._troubles.get(key, ""):
                raise WaitingError(trouble, reason="NotificationDispatchFailed")
        except TransientError:
            return False  # the API server is away: what was said stays
        except SetpointError as error:
            await self._fail("Provider", data, error)
            return False
        text = "; ".join(("Provider is initialised", *idle_settings(provider)))
        await self._succeed("Provider", data, text)
        return True

    async def receiver(self, data: Json) -> bool:
        """
        Look at a Receiver.
        """
        key = _key(data)
        try:
            receiver = Receiver.read(data)
            name = receiver.spec.secret_ref.name if receiver.spec.secret_ref else ""
            secret = await self._declarations.secret(key[0], name) if name else None
            hook = hook_of(receiver, secret)
        except TransientError:
            return False  # the API server is away: what was known stays
        except SetpointError as error:
            self._catalog.put_hook(key, None)
            await self._fail("Receiver", data, error, webhookPath=None)
            return False
        self._catalog.put_hook(key, hook)
        handled = receiver.requested_at or data.get("status", {}).get("lastHandledReconcileAt")
        more = {"webhookPath": hook.path, "lastHandledReconcileAt": handled or None}
        idle = idle_fields(receiver)
        text = "; ".join((f"Receiver initialized for path: {hook.path}", *hook.faults, *idle))
        if receiver.spec.suspend:
            await self._write("Receiver", data, {"lastHandledReconcileAt": handled or None})
        else:
            await self._succeed("Receiver", data, text, **more)
        return True

    async def _check_target(self, provider: Provider) -> None:
        ref = provider.spec.secret_ref
        secret: Mapping[str, bytes] | None = {}
        if ref is not None:
            secret = await self._declarations.secret(provider.metadata.namespace, ref.name)
            self._compare((provider.metadata.namespace, provider.metadata.name), secret)
            if secret is None:
                raise WaitingError(
                    f"Secret {provider.metadata.namespace}/{ref.name} of spec.secretRef does not "
                    "exist: create it",
                    reason="SecretNotFound",
                )
        self._check_address(target_of(provider, secret or {}).address)

    def _compare(self, key: Key, secret: Mapping[str, bytes] | None) -> None:
        found = hash(frozenset((secret or {}).items()))
        if self._secrets.setdefault(key, found) != found:
            self._secrets[key] = found
            self._renewed.add(key)

    def _check_provider(self, namespace: str, name: str) -> None:
        provider = self._catalog.provider(namespace, name)
        if provider is None:
            raise WaitingError(
                f"Provider {namespace}/{name} of spec.providerRef does not exist: create it. Until "
                "then matching events become dead letters",
                reason="ProviderNotFound",
            )
        check_supported(provider)

    async def _succeed(self, kind: str, data: Json, text: str, **more: Any) -> None:
        conditions = succeeded(
            _conditions(data), text, generation=_generation(data), now=self._now()
        )
        await self._conclude(kind, data, conditions, more)

    async def _fail(self, kind: str, data: Json, error: SetpointError, **more: Any) -> None:
        conditions = failed(_conditions(data), error, generation=_generation(data), now=self._now())
        await self._conclude(kind, data, conditions, more)

    async def _conclude(
        self, kind: str, data: Json, conditions: Conditions, more: Mapping[str, Any]
    ) -> None:
        ready = conditions.is_true("Ready") or conditions.is_true("Stalled")
        observed = {"observedGeneration": _generation(data)} if ready else {}
        await self._write(kind, data, {"conditions": conditions.to_json(), **observed, **more})

    async def _write(self, kind: str, data: Json, wanted: Mapping[str, Any]) -> None:
        different = changes(data.get("status") or {}, wanted)
        if not different:
            return
        namespace, name = _key(data)
        try:
            await self._declarations.write_status(kind, namespace, name, different)
        except SetpointError as error:
            log.info("status not written", kind=kind, name=name, error=error.message)

    def _now(self) -> str:
        return rfc3339(self._clock.now())


def _key(data: Json) -> Key:
    metadata = data["metadata"]
    return str(metadata.get("namespace", "")), str(metadata["name"])


def _generation(data: Json) -> int:
    return int(data["metadata"].get("generation") or 0)


def _conditions(data: Json) -> Conditions:
    return Conditions.from_json((data.get("status") or {}).get("conditions"))
