"""Archives that want something: each is refused for its own reason, before memory is spent."""

import gzip
import io
import random
import tarfile
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.artifact import File, Limits, Tree, pack, unpack
from shared.artifact.pack import _block
from shared.errors import MalformedError

BLOCK = 512
NOISE = random.Random(1).randbytes(400_000)
SMALL = Limits(unpacked=4 * 1024 * 1024, files=100)


def entry(name: str, data: bytes = b"", *, kind: bytes = b"0", size: int | None = None) -> bytes:
    head = _block(name.encode(), len(data) if size is None else size, 0o600, kind)
    return head + data + bytes(-len(data) % BLOCK)


def archive(*entries: bytes) -> bytes:
    return gzip.compress(b"".join(entries) + bytes(2 * BLOCK), mtime=0)


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    return entry("PaxHeaders", records, kind=kind)


def record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    length = len(body) + 2
    return b"%02d" % length + body


def patched(block: bytes, at: int, field: bytes) -> bytes:
    block = block[:at] + field + block[at + len(field) :]
    total = sum(block[:148]) + 8 * 32 + sum(block[156:512])
    return block[:148] + b"%06o\0 " % total + block[156:]


def tar_with(change: Callable[[tarfile.TarInfo], None], format_: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=format_) as made:
        member = tarfile.TarInfo("x")
        change(member)
        made.addfile(member)
    return out.getvalue()


def link(kind: bytes) -> bytes:
    def change(member: tarfile.TarInfo) -> None:
        member.type, member.linkname = kind, "/etc/passwd"

    return tar_with(change)


FORBIDDEN = {
    "symlink": link(tarfile.SYMTYPE),
    "hard link": link(tarfile.LNKTYPE),
    "character device": link(tarfile.CHRTYPE),
    "block device": link(tarfile.BLKTYPE),
    "fifo": link(tarfile.FIFOTYPE),
    "contiguous": archive(entry("x", b"1", kind=b"7")),
    "old sparse": archive(entry("x", b"1", kind=b"S")),
    "unknown type": archive(entry("x", b"1", kind=b"Z")),
    "GNU long name": archive(entry("././@LongLink", b"a" * 200 + b"\0", kind=b"L"), entry("x")),
    "GNU long link": archive(entry("././@LongLink", b"a" * 200 + b"\0", kind=b"K"), entry("x")),
    "pax sparse": archive(pax(record("GNU.sparse.major", "1")), entry("x")),
    "pax size": archive(pax(record("size", "99")), entry("x", b"1")),
    "pax link": archive(pax(record("linkpath", "/etc")), entry("x")),
    "pax charset": archive(pax(record("hdrcharset", "BINARY")), entry("x")),
    "pax path twice": archive(pax(record("path", "a") + record("path", "b")), entry("x")),
    "two pax headers with a path": archive(pax(record("path", "a")), pax(record("path", "b"))),
    "path for all entries": archive(pax(record("path", "a"), kind=b"g"), entry("x")),
    "pax header without an entry": archive(pax(record("path", "a"))),
    "directory with content": archive(entry("d", b"1", kind=b"5")),
    "negative size": archive(patched(entry("x"), 124, b"\xff" * 12)),
    "base-256 size": archive(patched(entry("x"), 124, b"\x80" + b"\0" * 7 + b"\x01" * 4)),
    "minus in a size": archive(patched(entry("x"), 124, b"-0000000010\0")),
    "data after the end": gzip.compress(bytes(2 * BLOCK) + entry("x")),
    "two gzip streams": archive(entry("x")) + archive(entry("y")),
    "bytes after gzip": archive(entry("x")) + b"garbage",
}


@pytest.mark.parametrize("data", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_everything_but_files_and_directories_is_forbidden(data) -> None:
    with pytest.raises(MalformedError) as caught:
        unpack(data)
    assert caught.value.reason == "ArchiveEntryForbidden"


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../x", "a/../../x", "..", "C:/x", "c:", "a/..", "//server/share"],
)
@pytest.mark.parametrize("how", ["header", "pax"])
def test_a_path_that_leads_out_is_refused(name, how) -> None:
    made = entry(name, b"1") if how == "header" else pax(record("path", name)) + entry("x", b"1")
    with pytest.raises(MalformedError) as caught:
        unpack(archive(made))
    assert caught.value.reason == "PathEscape"


@pytest.mark.parametrize(
    "name",
    [
        "a\\..\\b",
        "a\x01b",
        "a\nb",
        "a\x7fb",
        "a\u202eb",
        "a\u2066b",
        "a\u200fb",
        "a./b",
        "a /b",
        "a//b",
        "a/./b",
        "x/",
        "nel\x85",
        "é" * 128,
    ],
)
def test_a_name_that_is_not_what_it_looks_like_is_refused(name) -> None:
    made = archive(_named(name))
    with pytest.raises(MalformedError) as caught:
        unpack(made)
    assert caught.value.reason == "NameForbidden"


def _named(name: str) -> bytes:
    body = b" path=" + name.encode() + b"\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return pax(str(length).encode() + body) + entry("x", b"1")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "a"),
        ("Readme", "README"),
        ("é", "e\u0301"),
        ("straße", "STRASSE"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("A/b/c", "a/b"),
    ],
)
def test_two_paths_that_may_be_one_are_refused(first, second) -> None:
    with pytest.raises(MalformedError) as caught:
        unpack(archive(_named(first), _named(second)))
    assert caught.value.reason == "NameForbidden"


def test_a_name_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(MalformedError, match="not UTF-8"):
        unpack(archive(patched(entry("x"), 0, b"\xff\xfe")))


LARGE = {
    "one large file": (archive(entry("x", size=17 * 1024 * 1024)), "file"),
    "many files": (archive(*(entry(f"f{n}") for n in range(101))), "files"),
    "many directories": (archive(*(entry(f"d{n}/", kind=b"5") for n in range(201))), "files"),
    "depth": (archive(_named("/".join("a" * 51))), "depth"),
    "all together": (archive(*(entry(f"f{n}", NOISE) for n in range(20))), "unpacked"),
    "pax header": (archive(pax(b"0" * 70_000), entry("x")), "pax"),
}


@pytest.mark.parametrize(("data", "limit"), LARGE.values(), ids=LARGE.keys())
def test_what_is_too_large_names_the_limit(data, limit) -> None:
    with pytest.raises(MalformedError, match=f"over the limit {limit}") as caught:
        unpack(data, SMALL)
    assert caught.value.reason == "ArchiveTooLarge"


def test_an_archive_over_the_packed_limit_is_not_even_opened() -> None:
    with pytest.raises(MalformedError, match="over the limit packed"):
        unpack(bytes(1001), Limits(packed=1000))


def test_a_bomb_is_stopped_before_it_takes_time_or_memory() -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = _block(b"bomb", 2**30 - 1, 0o600, b"0")
    parts = [squeeze.compress(head)]
    parts += [squeeze.compress(bytes(1024 * 1024)) for _ in range(64)]
    bomb = b"".join([*parts, squeeze.flush()])
    tracemalloc.start()
    before = time.process_time()
    with pytest.raises(MalformedError):
        unpack(bomb, Limits(file=2**31))
    took = time.process_time() - before
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 2
    assert peak < 64 * 1024 * 1024


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not gzip",
        pack(Tree({"a": File(data=b"1")}))[:-9],
        gzip.compress(b""),
        gzip.compress(entry("x", b"1")[: BLOCK + 100]),
        gzip.compress(b"\1" * 1024),
        archive(patched(entry("x"), 148, b"0000000\0")[:148] + b"0000001\0" + entry("x")[156:]),
        archive(pax(b"zz path=a\n"), entry("x")),
        archive(pax(b"99 path=a\n"), entry("x")),
        archive(pax(b"0 path=a\n"), entry("x")),
    ],
    ids=range(10),  # the bytes hold the time, and names must be the same for all workers
)
def test_what_is_damaged_is_malformed(data) -> None:
    with pytest.raises(MalformedError):
        unpack(data)


@settings(max_examples=200)
@given(st.integers(0, 1023), st.binary(min_size=1, max_size=20))
def test_no_change_of_a_header_gives_another_failure_than_malformed(at, junk) -> None:
    plain = entry("a/b", b"data") + entry("c", b"more")
    changed = plain[:at] + junk + plain[at + len(junk) :]
    try:
        tree = unpack(archive(changed))
    except MalformedError:
        return
    assert all(not path.startswith("/") and ".." not in path.split("/") for path in tree)


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_no_bytes_give_another_failure_than_malformed(data) -> None:
    with pytest.raises(MalformedError):
        unpack(data)
