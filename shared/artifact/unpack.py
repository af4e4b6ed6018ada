"""
Unpack an archive that may be hostile.

Only regular files and directories, only plain headers and the pax record ``path``; everything else
is refused by name. Nothing is believed before it is counted.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from shared.artifact.pack import BLOCK, GZIP, RATIO_FLOOR
from shared.artifact.tree import LIMITS, File, Limits, Names, Tree, check_path, too_large
from shared.errors import MalformedError

_STEP = 64 * 1024  # bytes that go into, and at least come out of, one step of inflating
_MOST = 1024 * 1024  # bytes that come out of one step, so that a bomb is counted early
_PAX_LIMIT = 64 * 1024  # bytes; a path has 4 KiB at most
_OCTAL = re.compile(rb" *([0-7]+)[ \0]*|[ \0]*")
# Pax keys that say nothing about which bytes go where.
_HARMLESS = {"mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"}
_KINDS = {
    b"1": "hard link",
    b"2": "symbolic link",
    b"3": "character device",
    b"4": "block device",
    b"6": "named pipe",
    b"7": "contiguous file",
    b"L": "GNU long name",
    b"K": "GNU long link",
    b"S": "sparse file",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    name: bytes
    mode: int
    size: int
    kind: bytes


def unpack(data: bytes, limits: Limits = LIMITS) -> Tree:
    """
    Read a tar.gz into memory, within the limits.

    Raises:
        MalformedError: It breaks a limit, which the message names, or holds something else than
            files and directories.

    """
    if len(data) > limits.packed:
        raise too_large("size of the archive", len(data), limits.packed, "packed")
    stream = Inflate(data, unpacked=limits.unpacked, ratio=limits.ratio)
    names = Names(limits)
    files: dict[str, File] = {}
    entries = 0
    for path, entry in _entries(stream):
        entries += 1
        if entries > 2 * limits.files:
            raise too_large("number of entries", entries, 2 * limits.files, "files")
        if entry.kind == b"5":
            if path:
                check_path(path, limits)
            continue
        names.add(path)
        if entry.size > limits.file:
            raise too_large(f"size of {path[:200]!a}", entry.size, limits.file, "file")
        content = stream.read(entry.size)
        stream.read(-entry.size % BLOCK)
        files[path] = File(data=content, executable=bool(entry.mode & 0o100))
    stream.finish()
    return Tree(files)


class Inflate:
    """
    A gzip stream that is read in steps, each of them counted.
    """

    def __init__(self, data: bytes, *, unpacked: int, ratio: int) -> None:
        self._input = memoryview(data)
        self._unpacked = unpacked
        self._most = max(RATIO_FLOOR, ratio * len(data))
        self._ratio = ratio
        self._zlib = zlib.decompressobj(GZIP)
        self._ready = bytearray()
        self._tail = b""
        self._at = 0
        self._total = 0

    def read(self, size: int) -> bytes:
        """
        Return exactly ``size`` bytes.

        Raises:
            MalformedError: The stream is shorter, damaged, or over a limit.

        """
        while len(self._ready) < size:
            if not self._step(min(max(_STEP, size - len(self._ready)), _MOST)):
                raise MalformedError("the archive ends too early; it is cut or damaged")
        taken = bytes(memoryview(self._ready)[:size])
        del self._ready[:size]
        return taken

    def finish(self) -> None:
        """
        Read to the end: only zeros may follow, and no second gzip stream.
        """
        while self._ready or self._step(_STEP):
            if self._ready.count(0) != len(self._ready):
                raise _forbidden("data after its end")
            self._ready.clear()

    def rest(self) -> bytes:
        """
        Return everything that is left.
        """
        while self._step(_STEP):
            pass
        return self.read(len(self._ready))

    def _step(self, most: int) -> bool:
        if self._zlib.eof:
            if self._zlib.unused_data or self._at < len(self._input):
                raise _forbidden("more than one gzip stream")
            return False
        if not self._tail:
            self._tail = bytes(self._input[self._at : self._at + _STEP])
            self._at += len(self._tail)
            if not self._tail:
                raise MalformedError("the archive ends too early; it is cut or damaged")
        try:
            out = self._zlib.decompress(self._tail, most)
        except zlib.error as error:
            raise MalformedError(f"the archive is no gzip: {error}") from error
        self._tail = self._zlib.unconsumed_tail
        self._total += len(out)
        if self._total > self._unpacked:
            raise too_large("size of the tree", self._total, self._unpacked, "unpacked")
        if self._total > self._most:
            raise too_large("size unpacked", self._total, self._most, f"ratio {self._ratio}")
        self._ready += out
        return True


def _entries(stream: Inflate) -> Iterator[tuple[str, _Entry]]:
    path: bytes | None = None
    while any(block := stream.read(BLOCK)):
        entry = _parse(block)
        if entry.kind in (b"x", b"g"):
            found = _pax(stream, entry)
            if found is not None and (entry.kind == b"g" or path is not None):
                raise _forbidden("a pax path for more than one entry")
            path = found if found is not None else path
            continue
        if entry.kind not in (b"0", b"5"):
            what = _KINDS.get(entry.kind, f"entry of type {entry.kind!r}")
            raise _forbidden(f"a {what} ({entry.name[:200]!a})")
        if entry.kind == b"5" and entry.size:
            raise _forbidden("a directory with content")
        yield _text(path if path is not None else entry.name, entry.kind), entry
        path = None
    if path is not None:
        raise _forbidden("a pax header without an entry")


def _parse(block: bytes) -> _Entry:
    if _number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise MalformedError("the archive has a header with a wrong checksum; it is damaged")
    name = block[:100].rstrip(b"\0")
    # Only POSIX headers have a prefix; GNU's use the place for times.
    prefix = block[345:500].rstrip(b"\0") if block[257:263] == b"ustar\0" else b""
    kind = block[156:157]
    if kind == b"\0":
        # Before POSIX, a directory was a file whose name ends in a slash.
        kind = b"5" if name.endswith(b"/") else b"0"
    return _Entry(
        name=prefix + b"/" + name if prefix else name,
        mode=_number(block[100:108]),
        size=_number(block[124:136]),
        kind=kind,
    )


def _number(field: bytes) -> int:
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise _forbidden("a number that is negative, over 8 GiB, or not octal")
    return int(match.group(1) or b"0", 8)


def _pax(stream: Inflate, entry: _Entry) -> bytes | None:
    if entry.size > _PAX_LIMIT:
        raise too_large("size of a pax header", entry.size, _PAX_LIMIT, "pax")
    data = stream.read(entry.size)
    stream.read(-entry.size % BLOCK)
    path: bytes | None = None
    while data:
        digits, space, _ = data.partition(b" ")
        if not space or not digits.isdigit() or len(digits) > len(str(_PAX_LIMIT)):
            raise MalformedError("the archive has a pax header that cannot be read")
        record, data = data[: int(digits)], data[int(digits) :]
        key, equals, value = record[len(digits) + 1 :].partition(b"=")
        if not equals or not value.endswith(b"\n") or len(record) != int(digits):
            raise MalformedError("the archive has a pax header that cannot be read")
        if key == b"path" and path is None:
            path = value[:-1]
        elif key.decode(errors="replace") not in _HARMLESS:
            raise _forbidden(f"the pax record {key[:80]!a}")
    return path


def _text(name: bytes, kind: bytes) -> str:
    try:
        text = name.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(
            f"path {name[:200]!a} is not UTF-8; rename it", reason="NameForbidden"
        ) from error
    text = text.removeprefix("./")
    if kind == b"5":
        text = text.removesuffix("/")
        return "" if text == "." else text
    return text


def _forbidden(what: str) -> MalformedError:
    return MalformedError(
        f"the archive holds {what}; only regular files and directories are accepted",
        reason="ArchiveEntryForbidden",
    )
