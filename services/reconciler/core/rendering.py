"""
Questions to the renderer and its answers, and when an answer can be used again.
"""

import hashlib
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """
    What an artifact contains, so that many lanes compare two of them at the cost of their own part.
    """

    files: Mapping[str, str]  # path -> sha256
    listings: Mapping[str, bytes]  # directory -> hash of the names in it

    @classmethod
    def of(cls, files: Mapping[str, str]) -> "Index":
        """
        Derive what each directory lists from the paths of the files.
        """
        names: dict[str, set[str]] = {}
        for path in files:
            rest = path
            while rest:
                parent, _, name = rest.rpartition("/")
                known = names.setdefault(parent, set())
                if name in known:
                    break  # its ancestors are known as well
                known.add(name)
                rest = parent
        return cls(files=files, listings={path: _hash(found) for path, found in names.items()})

    def __repr__(self) -> str:
        return f"Index({len(self.files)} files)"


def _hash(names: set[str]) -> bytes:
    # No file has NUL in its name; a name that is no Unicode keeps its surrogates.
    text = "\0".join(sorted(names)).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def reusable(looked: Looked, before: Index, after: Index) -> bool:
    """
    Say whether a render of one artifact is also the render of another.

    Args:
        looked: What the render of the first one saw.
        before: The index of the first one.
        after: The index of the other one.

    """
    if before is after:
        return True
    if any(before.files.get(path) != after.files.get(path) for path in looked.files):
        return False
    if any(path in after.files or path in after.listings for path in looked.absent):
        return False
    return all(before.listings.get(path) == after.listings.get(path) for path in looked.directories)
