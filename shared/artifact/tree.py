"""Trees of files, and what may be in one."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from shared.errors import MalformedError

MIB = 1024 * 1024
NAME_LIMIT = 255  # bytes of one path element, as file systems have it
PATH_LIMIT = 4096  # bytes of a whole path, as file systems have it
# Control characters, backslash, and the marks that make text run the other way: a path must look
# like what it is.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\\\\\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    What an artifact may hold; sizes in bytes.

    ``unpacked`` is the size of the tar, headers included.
    """

    packed: int = 64 * MIB
    unpacked: int = 128 * MIB
    ratio: int = 200
    files: int = 50_000
    file: int = 16 * MIB
    depth: int = 50


LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """
    One regular file.
    """

    data: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """
    Files by their path; paths are relative, with ``/`` between their elements.
    """

    files: Mapping[str, File] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        size = sum(len(file.data) for file in self.files.values())
        return f"<Tree {len(self.files)} files, {size} bytes>"


def too_large(what: str, found: int, limit: int, name: str) -> MalformedError:
    """
    Say which limit an archive breaks.
    """
    return MalformedError(
        f"{what}: {found} is over the limit {name} of {limit}; make the tree smaller, for example "
        "by an ignore file",
        reason="ArchiveTooLarge",
    )


def check_path(path: str, limits: Limits) -> None:
    """
    Refuse a path that leaves the tree, or that another system would read as another path.
    """
    shown = ascii(path[:200])
    parts = path.split("/")
    if ".." in parts or path.startswith("/") or _DRIVE.match(parts[0]):
        raise MalformedError(f"path {shown} leads out of the tree", reason="PathEscape")
    for part in parts:
        if part in ("", ".") or part[-1] in " ." or _FORBIDDEN.search(part):
            raise MalformedError(
                f"path {shown} has an element that is empty, ends in a dot or a space, or holds "
                "control characters or backslashes; rename it",
                reason="NameForbidden",
            )
        if len(_encoded(part)) > NAME_LIMIT:
            raise MalformedError(
                f"path {shown} has an element of over {NAME_LIMIT} bytes; shorten it",
                reason="NameForbidden",
            )
    if len(parts) > limits.depth:
        raise too_large(f"depth of {shown}", len(parts), limits.depth, "depth")
    if len(_encoded(path)) > PATH_LIMIT:
        raise MalformedError(
            f"path {shown} has over {PATH_LIMIT} bytes; shorten it", reason="NameForbidden"
        )


class Names:
    """
    The paths seen so far: no two may be one on a file system that folds case or Unicode forms.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._files: dict[str, str] = {}
        self._parents: dict[str, str] = {}

    def add(self, path: str) -> None:
        """
        Take one file's path, or refuse it.
        """
        check_path(path, self._limits)
        key = _folded(path)
        other = self._files.get(key) or self._parents.get(key)
        if other is not None:
            raise _collision(path, other)
        self._files[key] = path
        parent = key.rpartition("/")[0]
        while parent and parent not in self._parents:
            if parent in self._files:
                raise _collision(path, self._files[parent])
            self._parents[parent] = path
            parent = parent.rpartition("/")[0]
        if len(self._files) > self._limits.files:
            raise too_large("number of files", len(self._files), self._limits.files, "files")


def _folded(path: str) -> str:
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise MalformedError(
            f"path {text[:200]!a} is not UTF-8; rename it", reason="NameForbidden"
        ) from error


def _collision(path: str, other: str) -> MalformedError:
    return MalformedError(
        f"paths {path[:200]!a} and {other[:200]!a} are the same where case or Unicode "
        "form does not count, or one is a file and the other a directory; rename one",
        reason="NameForbidden",
    )
