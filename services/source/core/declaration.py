"""
A GitRepository as this service reads it: what is asked for, and what it does not do.
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.source.core.location import Location
from services.source.core.reference import Reference
from shared.api import GitRepository
from shared.api.gitrepository import GitRepositorySpec
from shared.errors import StalledError, TransientError

FINALIZER = "finalizers.fluxcd.io"
GROUP = "source.toolkit.fluxcd.io"
KIND = "GitRepository"

_UNSUPPORTED: Mapping[str, tuple[Callable[[GitRepositorySpec], object], str]] = {
    "verify": (
        lambda spec: spec.verify,
        "signatures are not checked; remove it to accept every commit",
    ),
    "provider": (
        lambda spec: spec.provider != "generic",
        "only generic is there; use a Secret with username and password or a bearerToken",
    ),
    "serviceAccountName": (
        lambda spec: spec.service_account_name,
        "cloud identities are not there; use a Secret in spec.secretRef",
    ),
    "proxySecretRef": (
        lambda spec: spec.proxy_secret_ref,
        "there are no proxies; remove it and let the source service reach the origin directly",
    ),
    "include": (
        lambda spec: spec.include,
        "trees are not merged; declare a Kustomization for each repository",
    ),
    "recurseSubmodules": (
        lambda spec: spec.recurse_submodules,
        "submodules are not fetched; declare each as a GitRepository of its own",
    ),
    "sparseCheckout": (
        lambda spec: spec.sparse_checkout,
        "whole trees are fetched; leave paths out with spec.ignore, such as /* and !/deploy/",
    ),
}

# Stands in for a spec that cannot be read, so that the rest of its object can be.
_NO_SPEC = {"url": "https://unreadable.invalid/spec", "interval": "1h"}


def about(obj: Mapping[str, Any]) -> GitRepository:
    """
    Read all of a GitRepository but its spec, which may be one that cannot be read.

    Raises:
        StalledError: The status cannot be read either.

    """
    return GitRepository.read({**obj, "spec": _NO_SPEC})


def refuse_unsupported(repo: GitRepository) -> None:
    """
    Refuse a field that would otherwise be ignored in silence.

    Raises:
        StalledError: Names all such fields and what to do.

    """
    found = [
        f"spec.{field} is not supported: {remedy}"
        for field, (given, remedy) in _UNSUPPORTED.items()
        if given(repo.spec)
    ]
    if found:
        raise StalledError("; ".join(found), reason="NotSupported")


def lost_while_suspended(repo: GitRepository) -> TransientError:
    """
    Say that the artifact of a suspended source is gone, and how it comes back.
    """
    artifact = repo.status.artifact
    return TransientError(
        f"the artifact of {artifact.revision if artifact else 'this source'} is neither in the "
        "store nor kept by the source service, and a suspended source is not fetched: set "
        f"spec.suspend to false (setpoint resume source git {repo.metadata.name}). What was "
        "applied stays",
        reason="StorageOperationFailed",
    )


def location(repo: GitRepository) -> Location:
    """
    Read where the origin is.

    Raises:
        StalledError: ``spec.url`` cannot be used.

    """
    return Location.parse(repo.spec.url)


def reference(repo: GitRepository) -> Reference:
    """
    Read which commit is meant.

    Raises:
        StalledError: ``spec.ref`` cannot be used.

    """
    ref = repo.spec.ref
    if ref is None:
        return Reference()
    return Reference(
        branch=ref.branch, tag=ref.tag, semver=ref.semver, name=ref.name, commit=ref.commit
    )
