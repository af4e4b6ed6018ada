"""
References to objects of the API that may live in other namespaces.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from shared.api.base import ApiModel


class CrossNamespaceReference(ApiModel):
    """
    One object, or all of a kind, in this or another namespace.
    """

    api_version: str = Field(default="", description="API version of the kind.")
    kind: Literal[
        "Bucket",
        "GitRepository",
        "Kustomization",
        "HelmRelease",
        "HelmChart",
        "HelmRepository",
        "ImageRepository",
        "ImagePolicy",
        "ImageUpdateAutomation",
        "OCIRepository",
        "ArtifactGenerator",
        "ExternalArtifact",
    ] = Field(description="Kind of the object.")
    name: str = Field(description="Name, or * for all.", min_length=1, max_length=253)
    namespace: str = Field(
        default="",
        description="Namespace; that of the referring object if empty.",
        min_length=1,
        max_length=253,
    )
    match_labels: Mapping[str, str] = Field(
        default_factory=dict, description="Labels that the objects must have, where name is *."
    )


class Selector(ApiModel):
    """
    Objects chosen by kind, name, namespace, labels and annotations; all parts must match.
    """

    group: str = Field(default="", description="API group; a regular expression.")
    version: str = Field(default="", description="API version; a regular expression.")
    kind: str = Field(default="", description="Kind; a regular expression.")
    name: str = Field(default="", description="Name; a regular expression.")
    namespace: str = Field(default="", description="Namespace; a regular expression.")
    label_selector: str = Field(default="", description="Label selector.")
    annotation_selector: str = Field(
        default="", description="Selector over annotations, written like a label selector."
    )
