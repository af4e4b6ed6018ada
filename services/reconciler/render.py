"""
From an artifact to desired objects: variables, the worker, owner labels, ignore rules.

A render is used again at another revision if all that it looked at is the same there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.reconciler.core.ignore_rules import pointers_for, without
from services.reconciler.core.manifest import (
    Desired,
    Preparation,
    Refusal,
    group_of,
    prepare,
    render_digest,
    version_of,
)
from services.reconciler.core.masking import SecretValues
from services.reconciler.core.overlay import render_request
from services.reconciler.core.owner import Owner
from services.reconciler.core.rendering import Index, Rendered, RenderRequest, reusable
from services.reconciler.core.selector import SelectorError
from services.reconciler.core.sources import Source
from services.reconciler.lane import Lane
from services.reconciler.memory import LastRender, SharedFields
from services.reconciler.ports import Artifacts, Cluster, Declarations, Kind, Renderer
from services.reconciler.slots import aside
from shared.api import Kustomization
from shared.errors import SetpointError, StalledError, TransientError, WaitingError
from shared.model import Digest, ObjectKey

Json = dict[str, Any]
# What the source mends by storing the artifact again: not there, other bytes, other size.
_STORED_AGAIN = frozenset({"NotFound", "ArtifactTorn", "ArchiveTooLarge"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """
    What is desired at a revision.

    ``last`` is what the next one may use again; None for an artifact of before.
    """

    desired: tuple[Desired, ...]
    shared: Mapping[ObjectKey, SharedFields]
    refused: tuple[Refusal, ...]
    digest: str
    last: LastRender | None = None


class Render:
    """
    The step that knows what should be.
    """

    def __init__(
        self,
        artifacts: Artifacts,
        renderer: Renderer,
        declarations: Declarations,
        cluster: Cluster,
        *,
        secrets: SecretValues,
        secret_key: bytes,
    ) -> None:
        self._artifacts = artifacts
        self._renderer = renderer
        self._declarations = declarations
        self._cluster = cluster
        self._secrets = secrets
        self._secret_key = secret_key

    async def run(self, lane: Lane, declared: Kustomization, source: Source) -> Rendering | None:
        """
        Render what ``lane`` declares at the revision of ``source``.

        Returns:
            None if the last render holds: nothing that it looked at has changed.

        Raises:
            SetpointError: With the condition's reason: ``ArtifactFailed`` or ``BuildFailed``.

        """
        request = await self._request(lane, declared, lane.spec, source.digest)
        index = await self._artifacts.index(Digest.parse(source.digest), source.index_digest)
        if self._holds(lane, request, index):
            return None
        rendered = await self._ask(request, source)
        made = await self._prepare(lane, declared, rendered)
        last = LastRender(
            request=request,
            looked=rendered.looked,
            index=index,
            generation=lane.generation,
            digest=made.digest,
            refused=made.refused,
        )
        return replace(made, last=last)

    async def before(self, lane: Lane, spec: Json, digest: Digest) -> Rendering:
        """
        Render an artifact of before as it was declared then; the source is not asked for it.

        Raises:
            SetpointError: It is not there any more, or cannot be rendered now.

        """
        declared = Kustomization.read({**lane.declared, "spec": spec})
        request = await self._request(lane, declared, spec, str(digest))
        rendered = await self._renderer.render(request, lambda: self._artifacts.get(digest))
        return await self._prepare(lane, declared, rendered)

    async def _request(
        self, lane: Lane, declared: Kustomization, spec: Json, digest: str
    ) -> RenderRequest:
        variables = await self._variables(lane, declared)
        return render_request(spec, digest=digest, variables=variables)

    def _holds(self, lane: Lane, request: RenderRequest, index: Index | None) -> bool:
        last = lane.memory.render
        if last is None or last.generation != lane.generation or lane.memory.refused:
            return False
        before = last.request
        if (before.path, before.overlay, before.variables, before.substitute) != (
            request.path,
            request.overlay,
            request.variables,
            request.substitute,
        ):
            return False
        if before.digest == request.digest:
            return True
        return (
            index is not None
            and last.index is not None
            and reusable(last.looked, last.index, index)
        )

    async def _ask(self, request: RenderRequest, source: Source) -> Rendered:
        async def fetch() -> bytes:
            try:
                return await self._artifacts.get(Digest.parse(source.digest))
            except SetpointError as exc:
                asked = ""
                if exc.reason in _STORED_AGAIN:
                    await self._artifacts.republish(
                        namespace=source.namespace, name=source.name, uid=source.uid
                    )
                    asked = "; asked source to publish it again"
                raise TransientError(
                    f"the artifact of {source.kind} {source.namespace}/{source.name} at "
                    f"{source.revision} cannot be read: {exc.message}{asked}",
                    reason="ArtifactFailed",
                ) from exc

        return await self._renderer.render(request, fetch)

    async def _variables(self, lane: Lane, declared: Kustomization) -> dict[str, str]:
        post_build = declared.spec.post_build
        if post_build is None:
            return {}
        variables: dict[str, str] = {}
        for origin in post_build.substitute_from:
            found = await self._declarations.values(origin.kind, lane.namespace, origin.name)
            if found is None and not origin.optional:
                raise WaitingError(
                    f"postBuild.substituteFrom names {origin.kind} {lane.namespace}/{origin.name}, "
                    "which does not exist: create it, or set optional: true",
                    reason="BuildFailed",
                )
            if origin.kind == "Secret":
                for value in (found or {}).values():
                    self._secrets.remember(value)
            variables |= found or {}
        variables |= post_build.substitute
        return {name: value.replace("\n", "") for name, value in variables.items()}

    async def _prepare(self, lane: Lane, declared: Kustomization, rendered: Rendered) -> Rendering:
        kinds = await self._kinds(rendered.objects)
        return await aside(
            len(rendered.objects), self._shape, lane.owner, declared, rendered, kinds
        )

    def _shape(
        self,
        owner: Owner,
        declared: Kustomization,
        rendered: Rendered,
        kinds: Mapping[tuple[str, str, str], Kind | None],
    ) -> Rendering:
        common = declared.spec.common_metadata
        prepared = prepare(
            rendered.objects,
            Preparation(
                owner=owner,
                is_namespaced=lambda key, version: (
                    kind.namespaced
                    if (kind := kinds.get((key.group, key.kind, version_of(version))))
                    else None
                ),
                common_metadata=common.model_dump(by_alias=True) if common else None,
                target_namespace=declared.spec.target_namespace or "",
                secret_key=self._secret_key,
            ),
        )
        shared: dict[ObjectKey, SharedFields] = {}
        desired: list[Desired] = []
        for one in prepared.desired:
            try:
                pointers = pointers_for(one, declared.spec.ignore)
            except SelectorError as exc:
                raise StalledError(str(exc), reason="BuildFailed") from exc
            if pointers:
                shared[one.key] = SharedFields(declared=one, pointers=pointers)
            desired.append(without(one, pointers, self._secret_key))
        return Rendering(
            desired=tuple(desired),
            shared=shared,
            refused=prepared.refused,
            digest=render_digest(desired),
        )

    async def _kinds(
        self, objects: Iterable[Mapping[str, Any]]
    ) -> dict[tuple[str, str, str], Kind | None]:
        wanted = {(str(obj.get("apiVersion", "")), str(obj.get("kind", ""))) for obj in objects}
        return {
            (group_of(api), kind, version_of(api)): await self._cluster.kind(
                group_of(api), kind, version_of(api)
            )
            for api, kind in wanted
        }


def remember(lane: Lane, rendering: Rendering) -> bool:
    """
    Keep what is desired from now on; say whether it differs from before.
    """
    memory = lane.memory
    history = lane.status.get("history") or [{}]
    before = memory.render.digest if memory.render else history[0].get("digest", "")
    memory.desired = {one.key: one for one in rendering.desired}
    memory.shared = dict(rendering.shared)
    memory.render, memory.spec = rendering.last, lane.base.get("spec") or {}
    return before != rendering.digest
