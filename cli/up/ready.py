"""
Wait until the example is Ready, and say meanwhile what is missing.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from cli.up.declare import not_ready, resource_of
from cli.up.example import NAME, NAMESPACE
from cli.up.narrate import Tone
from cli.up.say import Say
from shared.errors import SetpointError
from shared.kube import Kube, Resource

# Seconds between looks; a start has to be quick, and five small requests are little.
LOOK = 0.2
# Seconds until what is missing is said, and said again if it has changed.
PATIENCE = 10.0
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
_OWNER = f"kustomize.toolkit.fluxcd.io/name={NAME}"
# The kinds whose passes answer a request with its token.
ANSWERING = ("GitRepository", "Kustomization", "Receiver")

Json = Mapping[str, Any]


class Readiness:
    """
    What of the example is not Ready.
    """

    def __init__(self, kube: Kube, declared: tuple[Json, ...], token: str) -> None:
        self._kube = kube
        self._declared = declared
        self._token = token
        self._resources: dict[str, Resource] = {}

    async def wait(self, say: Say, help_: str) -> None:
        """
        Return when all is Ready; say from time to time what is not.

        Args:
            say: Where it is said.
            help_: What a user can do while the example is broken.

        """
        begin, said = time.monotonic(), ""
        spoken = begin
        while missing := await self._missing():
            text = "; ".join(missing)
            now = time.monotonic()
            if now - spoken > PATIENCE and text != said:
                say.line("setpoint", f"waiting for {text}", Tone.NOTE)
                if not said:
                    say.line("setpoint", help_, Tone.NOTE)
                said, spoken = text, now
            await asyncio.sleep(LOOK)

    async def webhook_path(self) -> str:
        """
        Return the Receiver's path as soon as its status has it for the token of this run.
        """
        receiver = next(one for one in self._declared if one["kind"] == "Receiver")
        while True:
            try:
                found = await self._get(receiver)
            except SetpointError:
                found = None
            if found and not not_ready(found, self._token):
                return str(found["status"]["webhookPath"])
            await asyncio.sleep(LOOK)

    async def _missing(self) -> list[str]:
        try:
            texts = [await self._look(one) for one in self._declared]
            texts += [not_ready(one) for one in await self._children()]
        except SetpointError as error:
            return [error.message]
        return [text for text in texts if text]

    async def _look(self, declared: Json) -> str:
        found = await self._get(declared)
        if found is None:
            return f"{declared['kind']}/{declared['metadata']['name']}: it was deleted"
        return not_ready(found, self._token if declared["kind"] in ANSWERING else "")

    async def _get(self, declared: Json) -> Json | None:
        resource = await self._resource(declared)
        return await self._kube.get(resource, NAMESPACE, declared["metadata"]["name"])

    async def _children(self) -> tuple[Json, ...]:
        root = next(one for one in self._declared if one["kind"] == "Kustomization")
        resource = await self._resource(root)
        return (await self._kube.list(resource, namespace=NAMESPACE, labels=_OWNER)).items

    async def _resource(self, declared: Json) -> Resource:
        kind = declared["kind"]
        if kind not in self._resources:
            self._resources[kind] = await resource_of(self._kube, declared)
        return self._resources[kind]
