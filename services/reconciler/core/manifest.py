"""
From rendered objects to the objects that are sent: owner labels, defaults, identity, digest.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import orjson

from services.reconciler.core.normalise import normalise
from services.reconciler.core.options import PREFIX, ObjectOptions, options_of
from services.reconciler.core.owner import Owner
from services.reconciler.core.shape import misshapen
from shared.model import Digest, ObjectKey

MANAGER = "setpoint"  # the field manager of managed objects, for ever

# Set by the server: sending them back would make us their owner or be refused.
_SERVER_FIELDS = (
    "uid",
    "resourceVersion",
    "managedFields",
    "creationTimestamp",
    "generation",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)

# Says whether a kind is namespaced, or None if nobody serves it (yet).
Scope = Callable[[ObjectKey, str], bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """
    One object as it is sent, with its identity and the digest of its content.
    """

    key: ObjectKey
    api_version: str
    object: dict[str, Any]
    digest: str
    options: ObjectOptions

    def __repr__(self) -> str:
        return f"Desired({self.key} {self.api_version} {self.digest[:15]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """
    An object that is not sent, or that the API server refused, with the reason for people.
    """

    key: ObjectKey | None
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """
    What came of the rendered objects.
    """

    desired: tuple[Desired, ...]
    refused: tuple[Refusal, ...] = ()


def key_of(obj: Mapping[str, Any]) -> ObjectKey:
    """
    Return the identity of an object.

    Raises:
        ValueError: ``apiVersion``, ``kind`` or ``metadata.name`` is missing.

    """
    metadata = obj.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    parts = (obj.get("apiVersion"), obj.get("kind"), metadata.get("name"))
    if not all(isinstance(part, str) and part for part in parts):
        raise ValueError(
            f"an object (kind {obj.get('kind')!r}, name {metadata.get('name')!r}) needs apiVersion,"
            " kind and metadata.name"
        )
    return ObjectKey(
        group=group_of(str(obj["apiVersion"])),
        kind=str(obj["kind"]),
        namespace=str(metadata.get("namespace") or ""),
        name=str(metadata["name"]),
    )


def group_of(api_version: str) -> str:
    """
    Return the group of an ``apiVersion``; the core group is empty.
    """
    return api_version.rpartition("/")[0]


def version_of(api_version: str) -> str:
    """
    Return the version of an ``apiVersion``.
    """
    return api_version.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """
    Everything that turns rendered objects into desired ones.

    Args:
        owner: Named in the labels of every object.
        is_namespaced: Answers for the cluster; None where nobody serves the kind.
        common_metadata: Labels and annotations that go over everything else.
        target_namespace: Where namespaced objects without a namespace go.
        secret_key: Keys the digests of Secrets, which would else be guessable from a receipt.

    """

    owner: Owner
    is_namespaced: Scope
    common_metadata: Mapping[str, Any] | None = None
    target_namespace: str = ""
    secret_key: bytes = b""

    def prepare(self, objects: Iterable[Mapping[str, Any]]) -> Prepared:
        """
        Prepare each object; one that cannot be sent is refused alone.
        """
        objects = tuple(objects)
        scopes = _declared_scopes(objects)
        desired: dict[ObjectKey, Desired] = {}
        refused: list[Refusal] = []
        for obj in objects:
            one = self._sendable(obj, scopes)
            if isinstance(one, Refusal):
                refused.append(one)
            elif one.key in desired:
                refused.append(Refusal(key=one.key, message="is declared more than once; keep one"))
            else:
                desired[one.key] = one
        return Prepared(desired=tuple(desired.values()), refused=tuple(refused))

    def _sendable(
        self, obj: Mapping[str, Any], scopes: Mapping[tuple[str, str], bool]
    ) -> Desired | Refusal:
        try:
            one = self._one(obj, scopes)
        except (RecursionError, orjson.JSONEncodeError):
            return Refusal(key=key_of(obj), message="is nested too deeply; flatten it")
        if isinstance(one, Desired) and not one.key.recordable:
            why = "the inventory writes __ for a colon, so that __ cannot be in a name; rename it"
            return Refusal(key=one.key, message=why)
        return one

    def _one(
        self, source: Mapping[str, Any], scopes: Mapping[tuple[str, str], bool]
    ) -> Desired | Refusal:
        try:
            key = key_of(source)
        except ValueError as error:
            return Refusal(key=None, message=str(error))
        obj = deepcopy(dict(source))
        problem = misshapen(obj) or _unsendable(obj, key)
        if problem:
            return Refusal(key=key, message=problem)
        _strip(obj)
        namespaced = self.is_namespaced(key, str(obj["apiVersion"]))
        if namespaced is None:
            namespaced = scopes.get((key.group, key.kind))
        metadata = obj["metadata"]
        if namespaced is False:
            metadata.pop("namespace", None)
        elif namespaced and not key.namespace:
            if not self.target_namespace:
                return Refusal(
                    key=key,
                    message="namespace not specified; set metadata.namespace, or targetNamespace"
                    " of the Kustomization",
                )
            metadata["namespace"] = self.target_namespace
        _merge(metadata, "labels", self.owner.labels)
        normalise(obj)
        common = self.common_metadata or {}
        _merge(metadata, "labels", common.get("labels") or {})
        _merge(metadata, "annotations", common.get("annotations") or {})
        return desired_of(obj, self.secret_key)


def prepare(objects: Iterable[Mapping[str, Any]], preparation: Preparation) -> Prepared:
    """
    Turn rendered objects into desired ones; one that cannot be sent is refused alone.
    """
    return preparation.prepare(objects)


def desired_of(obj: dict[str, Any], secret_key: bytes = b"") -> Desired:
    """
    Wrap an object that is ready to be sent.
    """
    return Desired(
        key=key_of(obj),
        api_version=str(obj["apiVersion"]),
        object=obj,
        digest=digest_of(obj, secret_key),
        options=options_of(obj),
    )


def digest_of(obj: Mapping[str, Any], secret_key: bytes = b"") -> str:
    """
    Return the digest of an object's content, independent of the order of its fields.
    """
    data = orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)
    if is_secret(obj):
        return f"hmac:{hmac.new(secret_key, data, hashlib.sha256).hexdigest()}"
    return str(Digest.of(data))


def render_digest(desired: Iterable[Desired]) -> str:
    """
    Return one digest of all objects, for the history of the status.
    """
    lines = sorted(f"{one.key.inventory_id} {one.digest}" for one in desired)
    return str(Digest.of("\n".join(lines).encode()))


def is_secret(obj: Mapping[str, Any]) -> bool:
    """
    Say whether the object is a core Secret.
    """
    return obj.get("apiVersion") == "v1" and obj.get("kind") == "Secret"


def _declared_scopes(objects: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], bool]:
    # A custom resource may come in the same revision as its definition.
    found = {}
    for obj in objects:
        spec = obj.get("spec")
        if obj.get("kind") == "CustomResourceDefinition" and isinstance(spec, Mapping):
            names = spec.get("names")
            kind = names.get("kind") if isinstance(names, Mapping) else None
            found[str(spec.get("group")), str(kind)] = spec.get("scope") == "Namespaced"
    return found


def _unsendable(obj: Mapping[str, Any], key: ObjectKey) -> str:
    if not is_secret(obj):
        return ""
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    decrypt = str(annotations.get(f"{PREFIX}decrypt") or "").casefold()
    if "sops" in obj and decrypt != "disabled":
        return (
            f"{key} is SOPS encrypted, configuring decryption is required for this secret to be"
            " reconciled"
        )
    for name, value in (obj.get("stringData") or {}).items():
        if value is not None and not isinstance(value, str):
            return f"stringData[{name}] is not a string; put its value in quotes"
    return ""


def _strip(obj: dict[str, Any]) -> None:
    obj.pop("status", None)
    metadata = obj["metadata"]
    for name in _SERVER_FIELDS:
        metadata.pop(name, None)
    if is_secret(obj) and "stringData" in obj:
        # Our entry would own stringData, which the server does not keep: later edits of data would
        # go unseen.
        plain = obj.pop("stringData") or {}
        data = obj.get("data") or {}
        encoded = {
            name: base64.b64encode((value or "").encode()).decode() for name, value in plain.items()
        }
        obj["data"] = {**data, **encoded}


def _merge(metadata: dict[str, Any], field: str, values: Mapping[str, Any]) -> None:
    if values:
        metadata[field] = {**(metadata.get(field) or {}), **values}
