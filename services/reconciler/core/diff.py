"""
Where live state differs from what we declare.

Only declared fields are compared, so defaults and other people's fields never show. Lists that the
API server merges by keys are matched by those keys; other lists are compared as a whole. This is
for showing and for a first look: the server, asked by an apply, is the judge.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.reconciler.core.fields import ListKeys, list_keys, own_entry
from services.reconciler.core.kinds import BUILT_IN_GROUPS
from services.reconciler.core.manifest import MANAGER, group_of
from services.reconciler.core.paths import ABSENT, KEY_DEFAULTS, Item, Member, Path
from services.reconciler.core.quantity import is_quantity
from services.reconciler.core.quantity import same as same_quantity

# Merge keys of lists in built-in kinds; the first choice whose fields every item has is taken.
_KNOWN_KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "containers": (("name",),),
    "initContainers": (("name",),),
    "ephemeralContainers": (("name",),),
    "env": (("name",),),
    "volumes": (("name",),),
    "volumeMounts": (("mountPath",),),
    "volumeDevices": (("devicePath",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "imagePullSecrets": (("name",),),
    "secrets": (("name",),),
    "hostAliases": (("ip",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "resourceClaims": (("name",),),
    "webhooks": (("name",),),
    "versions": (("name",),),
    "conditions": (("type",),),
    "ownerReferences": (("uid",),),
}
_KNOWN_SETS = frozenset({"finalizers"})
# Maps that the server leaves out when they are empty.
_DROPPED_WHEN_EMPTY = frozenset(
    {"labels", "annotations", "data", "binaryData", "matchLabels", "nodeSelector", "parameters"}
)
# Ours to send, not the object's content.
_IDENTITY = frozenset({"apiVersion", "kind"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """
    One declared field, what it should be, and what it is (``ABSENT`` if it is not there).
    """

    path: Path
    declared: Any
    live: Any


def differences(
    declared: Mapping[str, Any], live: Mapping[str, Any], *, manager: str = MANAGER
) -> tuple[Difference, ...]:
    """
    Return the declared fields that live state does not have, or has otherwise.
    """
    entry = own_entry(live, manager)
    built_in = group_of(str(declared.get("apiVersion") or "")) in BUILT_IN_GROUPS
    walk = _Walk(built_in=built_in, keys=list_keys(entry.fields) if entry else {})
    wanted = {name: value for name, value in declared.items() if name not in _IDENTITY}
    return tuple(walk.compare(wanted, live, (), ()))


def rewritten(
    declared: Mapping[str, Any], live: Mapping[str, Any], answer: Mapping[str, Any]
) -> frozenset[Path]:
    """
    Return the declared fields that live state has otherwise, and that an apply leaves so.

    Admission rewrites them, or the server has another spelling: nobody has changed them.

    Args:
        declared: What is sent.
        live: What is there.
        answer: Of the API server, to an apply of ``declared``.

    """
    kept = {one.path: one.live for one in differences(declared, answer)}
    return frozenset(
        one.path
        for one in differences(declared, live)
        if one.path in kept and kept[one.path] == one.live
    )


def equal(declared: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """
    Say whether live state has every declared field.
    """
    return not differences(declared, live)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    built_in: bool
    keys: ListKeys

    def compare(
        self, declared: Any, live: Any, path: Path, names: tuple[str, ...]
    ) -> Iterator[Difference]:
        if isinstance(declared, Mapping) and isinstance(live, Mapping):
            yield from self._maps(declared, live, path, names)
        elif isinstance(declared, list) and isinstance(live, list):
            yield from self._lists(declared, live, path, names)
        elif not self._same(declared, live, path):
            yield from self._inside(declared, live, path, names) or (
                Difference(path=path, declared=declared, live=live),
            )

    def _inside(
        self, declared: Any, live: Any, path: Path, names: tuple[str, ...]
    ) -> tuple[Difference, ...]:
        """
        Return the fields of a map that is gone: with its last field the server drops the map too.
        """
        if live is not ABSENT or not isinstance(declared, Mapping) or not isinstance(path[-1], str):
            return ()
        return tuple(self._maps(declared, {}, path, names))

    def _maps(
        self,
        declared: Mapping[str, Any],
        live: Mapping[str, Any],
        path: Path,
        names: tuple[str, ...],
    ) -> Iterator[Difference]:
        for name, value in declared.items():
            yield from self.compare(value, live.get(name, ABSENT), (*path, name), (*names, name))

    def _lists(
        self, declared: list[Any], live: list[Any], path: Path, names: tuple[str, ...]
    ) -> Iterator[Difference]:
        keys = self._keys(declared, live, names)
        if keys is None:
            if not self._same(declared, live, path):
                yield Difference(path=path, declared=declared, live=live)
        elif not keys:
            there = set(live)
            for value in declared:
                if value not in there:
                    yield Difference(path=(*path, Member(value)), declared=value, live=ABSENT)
        else:
            by_key = {Item.of(item, keys): item for item in live}
            for item in declared:
                step = Item.of(item, keys)
                found = by_key.get(step, ABSENT)
                yield from self.compare(item, found, (*path, step), (*names, "*"))

    def _keys(
        self, declared: list[Any], live: list[Any], names: tuple[str, ...]
    ) -> tuple[str, ...] | None:
        """
        Return the merge keys; none at all for a set; None for a list that is one value.
        """
        field = names[-1] if names else ""
        learnt = self.keys.get(names)
        if learnt == () or (learnt is None and self.built_in and field in _KNOWN_SETS):
            return () if all(isinstance(v, (str, int)) for v in (*declared, *live)) else None
        choices = [learnt] if learnt else []
        if self.built_in:
            choices.extend(_KNOWN_KEYS.get(field, ()))
        return next((keys for keys in choices if _fits(keys, declared, live)), None)

    def _same(self, declared: Any, live: Any, path: Path) -> bool:  # noqa: PLR0911  a ladder of rules
        if declared is None:
            return live is None or live is ABSENT
        if live is ABSENT:
            field = path[-1] if path else ""
            return declared == [] or (declared == {} and field in _DROPPED_WHEN_EMPTY)
        if isinstance(declared, Mapping) or isinstance(live, Mapping):
            # Inside an atomic list: an item may have gained defaults.
            both = isinstance(declared, Mapping) and isinstance(live, Mapping)
            return both and not any(self.compare(declared, live, path, ("",)))
        if isinstance(declared, list) and isinstance(live, list):
            pairs = zip(declared, live, strict=False)
            return len(declared) == len(live) and all(self._same(a, b, path) for a, b in pairs)
        if isinstance(declared, bool) or isinstance(live, bool):
            return declared is live
        if declared == live:
            return True
        return self.built_in and is_quantity(path) and same_quantity(declared, live)


def _fits(keys: tuple[str, ...], declared: list[Any], live: list[Any]) -> bool:
    return all(_unique(keys, items) for items in (declared, live))


def _unique(keys: tuple[str, ...], items: list[Any]) -> bool:
    seen = set()
    for item in items:
        if not isinstance(item, Mapping):
            return False
        values = tuple(item.get(name, KEY_DEFAULTS.get(name)) for name in keys)
        if not all(isinstance(value, (str, int)) for value in values) or values in seen:
            return False
        seen.add(values)
    return True
