"""
What a Receiver listens on and whom it pokes.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from services.notifier.core.references import GROUPS, foreign_group
from services.notifier.core.verify import TYPES, WITH_EVENTS
from shared.api import Receiver
from shared.api.receiver import ReceiverResource, ReceiverSpec
from shared.errors import StalledError, WaitingError

PREFIX = "/hook/"
ALL = "*"
# Kinds for which a service reads commands; to others nobody would listen.
READ_KINDS = frozenset(GROUPS)
# For these the reference knows the version; for others the entry must say it.
_VERSION_OPTIONAL = frozenset(
    {
        "Bucket",
        "GitRepository",
        "OCIRepository",
        "HelmRepository",
        "HelmChart",
        "ImageRepository",
        "ArtifactGenerator",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One usable entry of ``spec.resources``; ``name`` is ``*`` where labels choose.
    """

    group: str
    kind: str
    namespace: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """
    A Receiver that can be called. ``path`` and ``token`` are secrets and do not show.
    """

    namespace: str
    name: str
    uid: str
    type: str
    path: str = field(repr=False)
    token: bytes = field(repr=False)
    events: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    faults: tuple[str, ...] = ()
    open: bool = True


def path_of(token: bytes, name: str, namespace: str) -> str:
    """
    Return the path of a webhook: it cannot be guessed without the token.
    """
    return PREFIX + hashlib.sha256(token + name.encode() + namespace.encode()).hexdigest()


def hook_of(receiver: Receiver, secret: Mapping[str, bytes] | None) -> Hook:
    """
    Join a Receiver with the values of its Secret, ``None`` if that does not exist.

    Raises:
        StalledError: The Receiver asks for what is not supported.
        WaitingError: The token is not there.

    """
    check_supported(receiver)
    entries, faults = read_entries(receiver)
    token = (secret or {}).get("token", b"")
    name, namespace = receiver.metadata.name, receiver.metadata.namespace
    if not token:
        named = receiver.spec.secret_ref.name if receiver.spec.secret_ref else ""
        lacks = "does not exist" if secret is None else "has no entry token"
        raise WaitingError(
            f"Secret {namespace}/{named} {lacks}: create it with the entry token",
            reason="TokenNotFound",
        )
    return Hook(
        namespace=namespace,
        name=name,
        uid=receiver.metadata.uid,
        type=receiver.spec.type,
        path=path_of(token, name, namespace),
        token=token,
        events=receiver.spec.events,
        entries=entries,
        faults=faults,
        open=not receiver.spec.suspend,
    )


def check_supported(receiver: Receiver) -> None:
    """
    Refuse a Receiver that asks for what is not implemented.

    Raises:
        StalledError: Names the fields and what to do.

    """
    faults = list(_unsupported(receiver.spec))
    if faults:
        raise StalledError("; ".join(faults), reason="NotSupported")


def idle_fields(receiver: Receiver) -> tuple[str, ...]:
    """
    Return what is said of fields that a usable Receiver gives in vain.
    """
    spec = receiver.spec
    said = [
        f"spec.resources[{position}].matchLabels has no effect beside a name: remove it, or write "
        "name: '*'"
        for position, resource in enumerate(spec.resources)
        if resource.match_labels and resource.name != ALL
    ]
    if spec.events and spec.type not in WITH_EVENTS:
        said.append(f"spec.events has no effect: calls of type {spec.type} name no event")
    return tuple(said)


def read_entries(receiver: Receiver) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """
    Return the usable entries of ``spec.resources``, and what is wrong with the others.
    """
    entries: list[Entry] = []
    faults: list[str] = []
    for position, resource in enumerate(receiver.spec.resources):
        fault = _fault_of(resource)
        if fault:
            faults.append(f"spec.resources[{position}]: {fault}")
            continue
        everything = resource.name == ALL
        entries.append(
            Entry(
                group=GROUPS[resource.kind],
                kind=resource.kind,
                namespace=resource.namespace or receiver.metadata.namespace,
                name=resource.name,
                labels=dict(resource.match_labels) if everything else {},
            )
        )
    return tuple(entries), tuple(faults)


def _fault_of(resource: ReceiverResource) -> str:
    if resource.kind not in READ_KINDS:
        return f"kind {resource.kind} is not supported yet: remove the entry"
    if not resource.api_version and resource.kind not in _VERSION_OPTIONAL:
        return f'apiVersion must be specified for kind "{resource.kind}": add it'
    if fault := foreign_group(resource):
        return fault
    if resource.name == ALL and not resource.match_labels:
        return "name is * without matchLabels: add labels, or name the object"
    return ""


def _unsupported(spec: ReceiverSpec) -> Iterator[str]:
    if spec.type not in TYPES:
        yield f"spec.type {spec.type} is not supported yet: use {', '.join(TYPES)}"
    if spec.oidc_providers:
        yield "spec.oidcProviders is not supported yet: remove it and use a Secret"
    if spec.resource_filter:
        yield "spec.resourceFilter is not supported yet: remove it"
    for position, resource in enumerate(spec.resources):
        if resource.filter:
            yield f"spec.resources[{position}].filter is not supported yet: remove it"
    kinds = {resource.kind for resource in spec.resources}
    if kinds and not kinds & READ_KINDS:
        served = " or ".join(sorted(READ_KINDS))
        yield f"spec.resources[].kind {min(kinds)} is not supported yet: use {served}"
