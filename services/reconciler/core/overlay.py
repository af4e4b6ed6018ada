"""
What a Kustomization says about its build, as the renderer wants to hear it.
"""

from collections.abc import Mapping

from services.reconciler.core.rendering import RenderFailed, RenderRequest

# Field of the declaration to field of the kustomization; absent and empty mean "as the tree says".
_FIELDS = {
    "targetNamespace": "namespace",
    "namePrefix": "namePrefix",
    "nameSuffix": "nameSuffix",
    "patches": "patches",
    "images": "images",
    "components": "components",
    "ignoreMissingComponents": "ignoreMissingComponents",
    "commonMetadata": "commonMetadata",
}
_DEFAULT_STRATEGY = "WithVariables"


def render_request(
    spec: Mapping[str, object],
    *,
    digest: str,
    variables: Mapping[str, str],
    strict: bool = True,
) -> RenderRequest:
    """
    Build the request that renders a Kustomization.

    Args:
        spec: The ``spec`` as the API has it, in camelCase.
        digest: The artifact to render.
        variables: What ``postBuild`` came to, with ConfigMaps and Secrets read.
        strict: Whether a variable without value and default fails the build.

    Raises:
        RenderFailed: The path leaves the artifact.

    """
    post_build = spec.get("postBuild")
    strategy = post_build.get("substituteStrategy") if isinstance(post_build, Mapping) else None
    return RenderRequest(
        digest=digest,
        path=artifact_path(str(spec.get("path") or "")),
        overlay=overlay_of(spec),
        variables=dict(variables),
        substitute=isinstance(post_build, Mapping),
        strategy=str(strategy or _DEFAULT_STRATEGY),
        strict=strict,
    )


def overlay_of(spec: Mapping[str, object]) -> dict[str, object]:
    """
    Pick the fields that extend the kustomization of the path.
    """
    overlay = {name: spec[field] for field, name in _FIELDS.items() if spec.get(field)}
    # Given and empty it still replaces what the tree says.
    if spec.get("buildMetadata") is not None:
        overlay["buildMetadata"] = spec["buildMetadata"]
    return overlay


def artifact_path(path: str) -> str:
    """
    Bring a path to its plain form relative to the root of the artifact, which is the empty string.

    Raises:
        RenderFailed: It leaves the artifact.

    """
    parts: list[str] = []
    for part in path.split("/"):
        if part in {"", "."}:
            continue
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise RenderFailed(
                "refused", f"spec.path {path!r} leaves the artifact: name a directory inside it"
            )
    return "/".join(parts)
