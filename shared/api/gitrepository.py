"""
GitRepository: a branch, tag or commit of a Git repository as a source of manifests.
"""

from typing import Literal

from pydantic import Field

from shared.api.base import SERVED, ApiModel, Flag, Rule, has
from shared.api.duration import Interval, Timeout, parse_duration
from shared.api.meta import ApiObject, ApiStatus, Artifact, LocalObjectReference


class GitRef(ApiModel):
    """
    Which revision is wanted; commit goes before name, semver, tag and branch.
    """

    branch: str = Field(
        default="", description="Branch to follow; master if nothing else is chosen."
    )
    tag: str = Field(default="", description="Tag to use; goes before branch.")
    semver: str = Field(
        default="", description="Range of versions; the highest matching tag is used, before tag."
    )
    name: str = Field(
        default="", description="Full name of a reference, such as refs/heads/main; before semver."
    )
    commit: str = Field(default="", description="SHA of a commit; goes before everything else.")


class GitVerification(ApiModel):
    """
    Which signatures are checked, and against which keys.
    """

    mode: Literal["head", "HEAD", "Tag", "TagAndHEAD"] = Field(
        default="HEAD",
        description="What must be signed: the commit, the tag, or both.",
        json_schema_extra=SERVED,
    )
    secret_ref: LocalObjectReference = Field(
        description="Secret with the public keys of trusted authors."
    )


class GitInclude(ApiModel):
    """
    A tree of another GitRepository that is put into this one.
    """

    repository: LocalObjectReference = Field(description="The GitRepository to take it from.")
    from_path: str = Field(default="", description="Path to take; all if empty.")
    to_path: str = Field(
        default="", description="Path to put it at; the name of the repository if empty."
    )


class GitRepositorySpec(ApiModel):
    """
    Where the repository is, which revision is wanted, how often to look.
    """

    url: str = Field(
        description="Address of the repository, http, https or ssh.",
        pattern=r"^(http|https|ssh)://.*$",
    )
    interval: Interval = Field(description="How often to ask the origin for its head.")
    timeout: Timeout = Field(
        default="60s", description="Time limit of one fetch.", json_schema_extra=SERVED
    )
    ref: GitRef | None = Field(
        default=None, description="The wanted revision; the branch master if empty."
    )
    secret_ref: LocalObjectReference | None = Field(
        default=None, description="Secret with the credentials for the origin."
    )
    provider: Literal["generic", "aws", "azure", "github"] = Field(
        default="generic", description="How to sign in; generic uses the Secret."
    )
    service_account_name: str = Field(
        default="", description="Service account whose cloud identity signs in (aws, azure)."
    )
    verify: GitVerification | None = Field(
        default=None, description="Check signatures before a revision is used."
    )
    proxy_secret_ref: LocalObjectReference | None = Field(
        default=None, description="Secret with address and credentials of a proxy."
    )
    ignore: str = Field(
        default="",
        description="Paths to leave out, as in a .gitignore file; replaces the defaults.",
    )
    suspend: Flag = Field(default=False, description="Stop looking at the origin.")
    recurse_submodules: Flag = Field(default=False, description="Fetch submodules too.")
    include: tuple[GitInclude, ...] = Field(
        default=(), description="Trees of other GitRepositories to put into this one."
    )
    sparse_checkout: tuple[str, ...] = Field(
        default=(), description="Directories to fetch; all if empty."
    )

    rules = (
        Rule(
            cel="!has(self.serviceAccountName) || (has(self.provider) && "
            "(self.provider == 'azure' || self.provider == 'aws'))",
            message="serviceAccountName can only be set when provider is 'azure' or 'aws'",
            holds=lambda spec: (
                not has(spec, "service_account_name") or spec.provider in {"aws", "azure"}
            ),
        ),
    )

    @property
    def interval_seconds(self) -> float:
        """
        Seconds between two looks at the origin.
        """
        return parse_duration(self.interval)

    @property
    def timeout_seconds(self) -> float:
        """
        Seconds that one fetch may take.
        """
        return parse_duration(self.timeout)


class GitRepositoryStatus(ApiStatus):
    """
    What was fetched last, and how it went.
    """

    artifact: Artifact | None = Field(default=None, description="The last good artifact.")
    included_artifacts: tuple[Artifact, ...] = Field(
        default=(), description="The artifacts that were included."
    )
    observed_ignore: str = Field(default="", description="spec.ignore of the artifact.")
    observed_include: tuple[GitInclude, ...] = Field(
        default=(), description="spec.include of the artifact."
    )
    observed_recurse_submodules: Flag = Field(
        default=False, description="spec.recurseSubmodules of the artifact."
    )
    observed_sparse_checkout: tuple[str, ...] = Field(
        default=(), description="spec.sparseCheckout of the artifact."
    )
    source_verification_mode: str = Field(
        default="", description="How the signature of the artifact was checked."
    )
    last_handled_reconcile_at: str = Field(
        default="", description="The last request to look now that was answered."
    )


class GitRepository(ApiObject):
    """
    A branch, tag or commit of a Git repository as a source of manifests.
    """

    api_version: Literal["source.toolkit.fluxcd.io/v1"] = "source.toolkit.fluxcd.io/v1"
    kind: Literal["GitRepository"] = "GitRepository"
    spec: GitRepositorySpec = Field(description="What is wanted.")
    status: GitRepositoryStatus = Field(
        default_factory=lambda: GitRepositoryStatus(observed_generation=-1),
        description="What was observed.",
    )
