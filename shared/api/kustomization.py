"""
Kustomization: one path of a source, rendered and kept applied in a cluster.
"""

from typing import Literal

from pydantic import Field

from shared.api.base import SERVED, ApiModel, Flag
from shared.api.duration import Interval, parse_duration
from shared.api.kustomization_parts import (
    CommonMetadata,
    Decryption,
    DependencyReference,
    DriftDetection,
    HealthCheck,
    HealthCheckExpression,
    IgnoreRule,
    Image,
    KubeConfig,
    Patch,
    PostBuild,
    SourceReference,
)
from shared.api.kustomization_status import KustomizationStatus
from shared.api.meta import ApiObject

_TIMEOUT_MARGIN = 30.0  # seconds before the next interval that a pass must have ended
_TIMEOUT_MIN = 30.0  # seconds; a shorter wait fails good rollouts, so a shorter timeout is raised


class KustomizationSpec(ApiModel):
    """
    Which path of which source is applied, how it is changed on the way, how it is watched.
    """

    source_ref: SourceReference = Field(description="The source of the manifests.")
    path: str = Field(default="", description="Path in the source; its root if empty.")
    prune: Flag = Field(description="Delete objects that are no longer in the source.")
    interval: Interval = Field(description="How often everything is applied again.")
    retry_interval: Interval | None = Field(
        default=None, description="How long to wait after a failure; interval if empty."
    )
    timeout: Interval | None = Field(
        default=None,
        description="Time limit of health checks; interval less 30s if empty, at least 30s.",
    )
    wait: Flag = Field(
        default=False, description="Ready only when all applied objects are healthy."
    )
    health_checks: tuple[HealthCheck, ...] = Field(
        default=(), description="Objects that must be healthy before this is Ready."
    )
    health_check_exprs: tuple[HealthCheckExpression, ...] = Field(
        default=(), description="How to judge the health of custom kinds."
    )
    depends_on: tuple[DependencyReference, ...] = Field(
        default=(), description="Kustomizations that must be Ready first."
    )
    suspend: Flag = Field(default=False, description="Stop passes; nothing is applied or deleted.")
    target_namespace: str = Field(
        default="",
        description="Namespace to set on all objects.",
        min_length=1,
        max_length=63,
    )
    common_metadata: CommonMetadata | None = Field(
        default=None, description="Labels and annotations to set on all objects."
    )
    name_prefix: str = Field(
        default="", description="Prefix for all names.", min_length=1, max_length=200
    )
    name_suffix: str = Field(
        default="", description="Suffix for all names.", min_length=1, max_length=200
    )
    patches: tuple[Patch, ...] = Field(default=(), description="Patches over the objects.")
    images: tuple[Image, ...] = Field(default=(), description="Images to rename or pin.")
    components: tuple[str, ...] = Field(
        default=(), description="Paths of kustomize components to add, relative to path."
    )
    ignore_missing_components: Flag = Field(
        default=False, description="Skip components whose path does not exist."
    )
    build_metadata: tuple[Literal["originAnnotations", "transformerAnnotations"], ...] = Field(
        default=(), description="Annotations that tell where an object came from."
    )
    post_build: PostBuild | None = Field(
        default=None, description="Variables to fill in after the build."
    )
    decryption: Decryption | None = Field(
        default=None, description="How to decrypt what is encrypted in the source."
    )
    service_account_name: str = Field(
        default="", description="Service account whose rights are used; ours if empty."
    )
    kube_config: KubeConfig | None = Field(
        default=None, description="The cluster to apply to; this one if empty."
    )
    force: Flag = Field(
        default=False,
        description="Delete and create objects whose change the API server calls immutable.",
        json_schema_extra=SERVED,
    )
    ignore: tuple[IgnoreRule, ...] = Field(
        default=(), description="Fields that are neither applied nor seen as drift."
    )
    deletion_policy: Literal["MirrorPrune", "Delete", "WaitForTermination", "Orphan"] = Field(
        default="MirrorPrune",
        description="What happens to the objects when this Kustomization is deleted.",
    )
    drift_detection: DriftDetection | None = Field(
        default=None, description="What to do about drift; revert it if empty."
    )

    @property
    def interval_seconds(self) -> float:
        """
        Seconds between two full passes.
        """
        return parse_duration(self.interval)

    @property
    def retry_seconds(self) -> float:
        """
        Seconds to wait after a failure.
        """
        return parse_duration(self.retry_interval or self.interval)

    @property
    def timeout_seconds(self) -> float:
        """
        Seconds that health, or the end of the objects, may take.
        """
        declared = parse_duration(self.timeout) if self.timeout is not None else None
        default = self.interval_seconds - _TIMEOUT_MARGIN
        return max(default if declared is None else declared, _TIMEOUT_MIN)


class Kustomization(ApiObject):
    """
    One path of a source, rendered and kept applied in a cluster.
    """

    api_version: Literal["kustomize.toolkit.fluxcd.io/v1"] = "kustomize.toolkit.fluxcd.io/v1"
    kind: Literal["Kustomization"] = "Kustomization"
    spec: KustomizationSpec = Field(description="What is wanted.")
    status: KustomizationStatus = Field(
        default_factory=lambda: KustomizationStatus(observed_generation=-1),
        description="What was observed.",
    )
