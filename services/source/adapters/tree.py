"""
The files of a commit, without what the ignore rules leave out.

Two walks over the directories: the first finds the ignore files, the second reads what is left.
Links and submodules are dropped, modes are reduced to executable or not.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from services.source.core.ignore import IGNORE_FILE, IGNORE_LIMIT, Ignore
from shared.artifact import LIMITS, File, Limits, Tree
from shared.errors import MalformedError

ENTRIES_LIMIT = 500_000  # a tree that names itself over and over has billions
_TYPE = 0o170000
_DIRECTORY = 0o040000
_REGULAR = 0o100000
_EXECUTABLE = 0o111


class Objects(Protocol):
    """
    The objects of a repository by their id.
    """

    def __getitem__(self, sha: Any, /) -> Any:
        """
        Return the object.
        """


def read_tree(store: Objects, root: bytes, declared: str, limits: Limits = LIMITS) -> Tree:
    """
    Read the tree.

    Args:
        store: The objects.
        root: The id of the root directory.
        declared: The text of ``spec.ignore``.
        limits: What the artifact may hold.

    Raises:
        MalformedError: It is over a limit.

    """
    walk = _Walk(store, limits)
    ignore = Ignore.of(walk.ignore_files(root), declared)
    files: dict[str, File] = {}
    size = 0
    for path, mode, sha in walk.files(root, ignore):
        data = bytes(store[sha].as_raw_string())
        size += len(data)
        if len(files) >= limits.files:
            raise _too_large(f"more than {limits.files} files")
        if len(data) > limits.file:
            raise _too_large(f"file {path[:200]!a} has more than {limits.file >> 20} MiB")
        if size > limits.unpacked:
            raise _too_large(f"more than {limits.unpacked >> 20} MiB in its files")
        files[path] = File(data=data, executable=bool(mode & _EXECUTABLE))
    return Tree(files)


class _Walk:
    def __init__(self, store: Objects, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._left = ENTRIES_LIMIT

    def ignore_files(self, root: bytes) -> Iterator[tuple[str, str]]:
        """
        Yield directory and text of each ignore file, parents first.
        """
        waiting = [("", root)]
        while waiting:
            directory, sha = waiting.pop()
            below = []
            for name, mode, child in self._entries(directory, sha):
                if mode & _TYPE == _DIRECTORY:
                    below.append((_join(directory, name), child))
                elif name == IGNORE_FILE and mode & _TYPE == _REGULAR:
                    text = bytes(self._store[child].as_raw_string())[:IGNORE_LIMIT]
                    yield directory, text.decode(errors="surrogateescape")
            waiting += reversed(below)

    def files(self, root: bytes, ignore: Ignore) -> Iterator[tuple[str, int, bytes]]:
        """
        Yield path, mode and id of each file that is not left out.
        """
        waiting = [("", root)]
        while waiting:
            directory, sha = waiting.pop()
            for name, mode, child in self._entries(directory, sha):
                path = _join(directory, name)
                if mode & _TYPE == _DIRECTORY:
                    if not ignore.excludes(path + "/"):
                        waiting.append((path, child))
                elif mode & _TYPE == _REGULAR and not ignore.excludes(path):
                    yield path, mode, child

    def _entries(self, directory: str, sha: bytes) -> list[tuple[str, int, bytes]]:
        if directory.count("/") >= self._limits.depth:
            raise _too_large(f"directories deeper than {self._limits.depth}")
        found = [
            (name.decode(errors="surrogateescape"), int(mode), bytes(child))
            for name, mode, child in self._store[sha].iteritems()
        ]
        self._left -= len(found)
        if self._left < 0:
            raise _too_large(f"more than {ENTRIES_LIMIT} entries")
        return found


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _too_large(what: str) -> MalformedError:
    return MalformedError(
        f"the tree has {what}: leave files out with spec.ignore or a {IGNORE_FILE} file",
        reason="ArchiveOperationFailed",
    )
