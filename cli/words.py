"""
What people type: kinds with their plurals and short names, objects, and lengths of time.
"""

import re
from collections.abc import Sequence

import typer

from shared.api import KINDS, KindInfo, parse_duration

_DAY = 24 * 3600.0  # seconds
_LONGEST = 3650 * _DAY  # seconds; the calendar ends somewhere, too
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")

# What people type, beside kinds, plurals and short names.
_ALIASES = {
    "alert-provider": "Provider",
    "alert-providers": "Provider",
    "git": "GitRepository",
    "source": "GitRepository",
    "sources": "GitRepository",
}
# kubectl's short names of what people deploy.
_SHORT = {
    "cj": "cronjob",
    "cm": "configmap",
    "crd": "customresourcedefinition",
    "deploy": "deployment",
    "ds": "daemonset",
    "hpa": "horizontalpodautoscaler",
    "ing": "ingress",
    "ks": "kustomization",
    "netpol": "networkpolicy",
    "ns": "namespace",
    "pdb": "poddisruptionbudget",
    "po": "pod",
    "pvc": "persistentvolumeclaim",
    "sa": "serviceaccount",
    "sts": "statefulset",
    "svc": "service",
}
_SOURCES = frozenset({"source", "sources"})
_KIND_AND_NAME = 2  # words


def kind_named(text: str) -> KindInfo:
    """
    Find one of our kinds by what a person calls it.

    Raises:
        typer.BadParameter: Nothing is called so.

    """
    wanted = _ALIASES.get(text.lower(), text).lower()
    for info in KINDS:
        if wanted in {info.kind.lower(), info.plural, info.singular, *info.short_names}:
            return info
    known = ", ".join(sorted(info.plural for info in KINDS))
    raise typer.BadParameter(f"no kind is called {text!r}; there are {known}")


def kinds_and_name(words: Sequence[str]) -> tuple[tuple[KindInfo, ...], str]:
    """
    Read `all`, `sources`, `sources git NAME`, `ks NAME` or `ks/NAME`; the name may be left out.

    Raises:
        typer.BadParameter: It reads as nothing.

    """
    parts = [part for word in words for part in word.split("/", 1)] or ["all"]
    kinds: tuple[KindInfo, ...]
    if parts[0].lower() in _SOURCES and len(parts) > 1:
        if parts[1].lower() == "all":
            kinds, rest = (kind_named("source"),), parts[2:]
        elif parts[1].lower() in {"git", "gitrepository", "gitrepositories", "gitrepo"}:
            kinds, rest = (kind_named("git"),), parts[2:]
        else:
            kinds, rest = (kind_named("source"),), parts[1:]
    elif parts[0].lower() == "all":
        kinds, rest = KINDS, parts[1:]
    else:
        kinds, rest = (kind_named(parts[0]),), parts[1:]
    if len(rest) > 1 or "" in rest:
        raise typer.BadParameter(f"{' '.join(words)!r}: expected a kind and at most one name")
    return kinds, object_name(rest[0]) if rest else ""


def object_name(text: str) -> str:
    """
    Return the name of an object of ours or of a namespace as it is.

    Raises:
        typer.BadParameter: Nothing can be called so.

    """
    if not _NAME.fullmatch(text):
        raise typer.BadParameter(
            f"{text!r} is no name: expected small letters, digits, dashes and dots"
        )
    return text


def one_object(words: Sequence[str]) -> tuple[KindInfo, str]:
    """
    Read a kind and the name of one object.

    Raises:
        typer.BadParameter: A part is missing.

    """
    kinds, name = kinds_and_name(words)
    if not name or len(kinds) > 1:
        raise typer.BadParameter("expected a kind and a name, such as `kustomization apps`")
    return kinds[0], name


def one_or_all(words: Sequence[str], *, every: bool) -> tuple[KindInfo, str]:
    """
    Read a kind and a name; with ``every`` a kind alone, and the name is empty.

    Raises:
        typer.BadParameter: A part is missing, or one too many.

    """
    if not every:
        return one_object(words)
    kinds, name = kinds_and_name(words)
    if name or len(kinds) > 1:
        raise typer.BadParameter("--all: expected a kind alone, such as `kustomization`")
    return kinds[0], ""


def reference(text: str) -> tuple[str, str]:
    """
    Read KIND/NAME.

    Raises:
        typer.BadParameter: It has another form.

    """
    parts = text.split("/")
    if len(parts) != _KIND_AND_NAME or not all(parts):
        raise typer.BadParameter(f"{text!r} is not of the form KIND/NAME, such as Deployment/shop")
    return parts[0], parts[1]


def full_kind(text: str) -> str:
    """
    Return the kind that a short name stands for, in small letters.
    """
    return _SHORT.get(text.lower(), text.lower())


def seconds(text: str, option: str) -> float:
    """
    Return the seconds of a length of time such as 90s, 1h30m or 7d.

    Raises:
        typer.BadParameter: It has another form, or is nothing.

    """
    days, unit, rest = text.partition("d")
    try:
        whole = int(days) * _DAY if unit else 0.0
        total = whole + (parse_duration(rest if unit else text) if rest or not unit else 0.0)
    except ValueError:
        total = 0.0
    if not 0 < total <= _LONGEST:
        raise typer.BadParameter(f"{option} {text}: expected a time such as 30s, 5m, 1h30m or 7d")
    return total
