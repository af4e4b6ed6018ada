"""
The parts of a Kustomization's spec.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from shared.api.base import SERVED, ApiModel, Flag, Rule, has
from shared.api.meta import LocalObjectReference
from shared.api.references import Selector

_ONE_KUBECONFIG = (
    "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified"
)


class SourceReference(ApiModel):
    """
    The object that provides the artifact.
    """

    api_version: str = Field(default="", description="API version of the source.")
    kind: Literal["OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"] = Field(
        description="Kind of the source."
    )
    name: str = Field(description="Name of the source.")
    namespace: str = Field(
        default="", description="Namespace of the source; that of the Kustomization if empty."
    )


class DependencyReference(ApiModel):
    """
    A Kustomization that must be Ready first.
    """

    name: str = Field(description="Name of the Kustomization.")
    namespace: str = Field(default="", description="Its namespace; our own if empty.")
    ready_expr: str = Field(
        default="", description="CEL expression over dep and self that says when it is ready."
    )


class HealthCheck(ApiModel):
    """
    An object that must be healthy.
    """

    api_version: str = Field(default="", description="API version; apps/v1 if empty.")
    kind: str = Field(description="Kind of the object.")
    name: str = Field(description="Name of the object.")
    namespace: str = Field(
        default="", description="Namespace of the object; empty for objects of the cluster."
    )


class HealthCheckExpression(ApiModel):
    """
    How to judge the health of one kind, or of all kinds of a group, by CEL.
    """

    api_version: str = Field(description="API version of the kind.")
    kind: str = Field(default="", description="The kind; all of the group if empty.")
    current: str = Field(description="True when the object is healthy.")
    in_progress: str = Field(default="", description="True while it is on its way.")
    failed: str = Field(default="", description="True when it has failed.")


class CommonMetadata(ApiModel):
    """
    Labels and annotations that go before those of the source.
    """

    labels: Mapping[str, str] = Field(default_factory=dict, description="Labels to set.")
    annotations: Mapping[str, str] = Field(default_factory=dict, description="Annotations to set.")


class Patch(ApiModel):
    """
    A strategic merge patch or a JSON patch.
    """

    patch: str = Field(description="The patch, as YAML or JSON.")
    target: Selector | None = Field(
        default=None, description="What it is for; the object named in the patch if empty."
    )


class Image(ApiModel):
    """
    A container image to rename or pin.
    """

    name: str = Field(description="Name of the image in the manifests.")
    new_name: str = Field(default="", description="Name to use instead.")
    new_tag: str = Field(default="", description="Tag to use instead.")
    digest: str = Field(default="", description="Digest to use; goes before newTag.")


class SubstituteReference(ApiModel):
    """
    A ConfigMap or Secret whose entries are variables.
    """

    kind: Literal["Secret", "ConfigMap"] = Field(description="Kind of the object.")
    name: str = Field(description="Name of the object.", min_length=1, max_length=253)
    optional: Flag = Field(
        default=False,
        description="Go on without it if it does not exist.",
        json_schema_extra=SERVED,
    )


class PostBuild(ApiModel):
    """
    Variables that replace ${name} in the built objects.
    """

    substitute: Mapping[str, str] = Field(
        default_factory=dict, description="Variables by name; go before substituteFrom."
    )
    substitute_from: tuple[SubstituteReference, ...] = Field(
        default=(), description="Objects with variables; later ones win."
    )
    substitute_strategy: Literal["WithVariables", "Always"] = Field(
        default="WithVariables",
        description="Whether to substitute also when there are no variables at all.",
    )


class Decryption(ApiModel):
    """
    How to decrypt what is encrypted in the source.
    """

    provider: Literal["sops"] = Field(description="The program whose format is used.")
    secret_ref: LocalObjectReference | None = Field(
        default=None, description="Secret with the private keys."
    )
    service_account_name: str = Field(
        default="", description="Service account whose cloud identity decrypts."
    )


class SecretKeyReference(ApiModel):
    """
    One entry of a Secret.
    """

    name: str = Field(description="Name of the Secret.")
    key: str = Field(default="", description="The entry; value or value.yaml if empty.")


class KubeConfig(ApiModel):
    """
    Another cluster, by kubeconfig or by cloud identity.
    """

    secret_ref: SecretKeyReference | None = Field(
        default=None, description="Secret with a kubeconfig."
    )
    config_map_ref: LocalObjectReference | None = Field(
        default=None, description="ConfigMap that says how to sign in by cloud identity."
    )

    rules = (
        Rule(
            cel="has(self.configMapRef) || has(self.secretRef)",
            message=_ONE_KUBECONFIG,
            holds=lambda config: has(config, "config_map_ref") or has(config, "secret_ref"),
        ),
        Rule(
            cel="!has(self.configMapRef) || !has(self.secretRef)",
            message=_ONE_KUBECONFIG,
            holds=lambda config: not (has(config, "config_map_ref") and has(config, "secret_ref")),
        ),
    )


class IgnoreRule(ApiModel):
    """
    Fields of some objects that belong to somebody else.
    """

    paths: tuple[str, ...] = Field(description="JSON pointers of the fields.")
    target: Selector | None = Field(default=None, description="The objects; all if empty.")


class DriftDetection(ApiModel):
    """
    What to do when live objects differ from the source.
    """

    mode: Literal["enabled", "warn", "disabled"] = Field(
        default="enabled",
        description="Revert drift at once, report it only, or leave it to the interval.",
    )
