"""
Questions to the renderer and its answers, and when an answer can be used again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import WaitingError


class RenderFailed(WaitingError):  # noqa: N818 - named after what happened, as the reason is
    """
    A render that gave no objects: the kind says who has to act.

    Args:
        kind: ``build``, ``substitute``, ``parse``, ``limit`` or ``refused`` (the declarations),
            ``crash`` or ``timeout`` (the worker).
        message: Names the file or the object.

    """

    default_reason = "BuildFailed"

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRequest:
    """
    Everything that a render depends on.
    """

    digest: str
    path: str
    overlay: Mapping[str, object]
    variables: Mapping[str, str]
    substitute: bool
    strategy: str
    strict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """
    What a render saw of its artifact: paths relative to the root, which is the empty string.
    """

    files: frozenset[str]
    directories: frozenset[str]
    absent: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """
    The objects of a render in the order of kustomize, and what they were made of.
    """

    objects: tuple[dict[str, Any], ...]
    looked: Looked


def reusable(looked: Looked, old_index: Mapping[str, str], new_index: Mapping[str, str]) -> bool:
    """
    Say whether a render of the old artifact is also the render of the new one.

    Args:
        looked: What the render of the old artifact saw.
        old_index: Path to sha256 of each file of the old artifact.
        new_index: The same of the new artifact.

    """
    if old_index == new_index:
        return True
    if any(old_index.get(path) != new_index.get(path) for path in looked.files):
        return False
    if any(path in new_index for path in looked.absent):
        return False
    after = _listings(new_index)
    if any(path in after for path in looked.absent):
        return False
    if not looked.directories:
        return True
    before = _listings(old_index)
    return all(before.get(path) == after.get(path) for path in looked.directories)


def _listings(index: Mapping[str, str]) -> dict[str, set[str]]:
    """
    Derive the names in each directory from the paths of the files.
    """
    listings: dict[str, set[str]] = {}
    for path in index:
        rest = path
        while rest:
            parent, _, name = rest.rpartition("/")
            names = listings.setdefault(parent, set())
            if name in names:
                break  # its ancestors are known as well
            names.add(name)
            rest = parent
    return listings
