"""
Pack a tree into a tar.gz whose bytes depend on nothing but the tree.

Regular files and their directories, sorted; owner and times are zero; modes are 0600, 0700 for
executables, 0750 for directories. Paths that do not fit the old header go into a pax record.
"""

import zlib

from shared.artifact.tree import LIMITS, Limits, Names, Tree, too_large

BLOCK = 512  # bytes
RECORD = 20 * BLOCK  # bytes; tar pads its output to this
GZIP = 31  # zlib's window bits for a gzip header, which then has no time and no name
LEVEL = 4  # half the time of level 6 for a tenth more bytes
# Ratios say nothing about small archives: an empty tar has 10 KiB of zeros.
RATIO_FLOOR = 1024 * 1024  # bytes
_NAME = 100  # bytes of the old header's name field


def pack(tree: Tree, limits: Limits = LIMITS) -> bytes:
    """
    Pack the tree.

    Raises:
        MalformedError: The tree breaks a limit, so that nobody would unpack it.

    """
    names = Names(limits)
    squeeze = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    out: list[bytes] = []
    total = 0
    packed = 0
    made: set[str] = set()
    for path in sorted(tree.files):
        file = tree.files[path]
        names.add(path)
        if len(file.data) > limits.file:
            raise too_large(f"size of {path!a}", len(file.data), limits.file, "file")
        head = _directories(path, made) + _header(
            path, len(file.data), 0o700 if file.executable else 0o600, b"0"
        )
        pad = bytes(-len(file.data) % BLOCK)
        total += len(head) + len(file.data) + len(pad)
        if total > limits.unpacked:
            raise too_large("size of the tree", total, limits.unpacked, "unpacked")
        out += [squeeze.compress(part) for part in (head, file.data, pad)]
        packed += sum(len(part) for part in out[-3:])
        if packed > limits.packed:
            raise too_large("size of the archive", packed, limits.packed, "packed")
    end = 2 * BLOCK
    end += -(total + end) % RECORD
    out += [squeeze.compress(bytes(end)), squeeze.flush()]
    return _checked(b"".join(out), total + end, limits)


def _checked(data: bytes, total: int, limits: Limits) -> bytes:
    if len(data) > limits.packed:
        raise too_large("size of the archive", len(data), limits.packed, "packed")
    if total > limits.unpacked:
        raise too_large("size of the tree", total, limits.unpacked, "unpacked")
    if total > max(RATIO_FLOOR, limits.ratio * len(data)):
        raise too_large("compression ratio", total // len(data), limits.ratio, "ratio")
    return data


def _directories(path: str, made: set[str]) -> bytes:
    head = b""
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        directory = "/".join(parts[:depth])
        if directory not in made:
            made.add(directory)
            head += _header(directory + "/", 0, 0o750, b"5")
    return head


def _header(path: str, size: int, mode: int, kind: bytes) -> bytes:
    name = path.encode()
    if len(name) <= _NAME:
        return _block(name, size, mode, kind)
    record = _record(b"path", name)
    pax = _block(b"PaxHeaders/path", len(record), 0o600, b"x")
    return pax + record + bytes(-len(record) % BLOCK) + _block(name[:_NAME], size, mode, kind)


def _record(key: bytes, value: bytes) -> bytes:
    # The length counts its own digits.
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def _block(name: bytes, size: int, mode: int, kind: bytes) -> bytes:
    fields = (
        name.ljust(100, b"\0")
        + b"%07o\0" % mode
        + b"0000000\0" * 2  # owner and group
        + b"%011o\0" % size
        + b"00000000000\0"  # time
        + b" " * 8  # the checksum counts itself as spaces
        + kind
        + bytes(100)  # no link
        + b"ustar\x0000"
        + bytes(64)  # names of owner and group
        + b"0000000\0" * 2  # device
        + bytes(155 + 12)
    )
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]
