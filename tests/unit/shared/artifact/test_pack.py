import gzip
import hashlib
import io
import random
import tarfile
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.artifact import (
    File,
    Limits,
    Tree,
    decode_index,
    encode_index,
    index,
    pack,
    unpack,
)
from shared.errors import MalformedError

PART = st.from_regex(r"[a-z][a-z0-9é_-]{0,40}", fullmatch=True)
PATH = st.lists(PART, min_size=1, max_size=6).map("/".join)
TREE = st.dictionaries(
    PATH, st.builds(File, data=st.binary(max_size=2000), executable=st.booleans()), max_size=8
)
SAMPLE = Tree(
    {
        "b/run.sh": File(data=b"#!/bin/sh\n", executable=True),
        "a.yaml": File(data=b"kind: List\n"),
        "b/c/empty": File(data=b""),
        "deep/" + "n" * 130 + "/é.yaml": File(data=b"x" * 600),
    }
)


def prefix_free(files: dict[str, File]) -> bool:
    return not any(other.startswith(path + "/") for path in files for other in files)


@settings(max_examples=60)
@given(TREE.filter(prefix_free))
def test_what_is_packed_is_unpacked_the_same(files) -> None:
    assert unpack(pack(Tree(files))) == Tree(files)


def test_the_bytes_depend_on_nothing_but_the_tree() -> None:
    turned = Tree(dict(reversed(SAMPLE.files.items())))
    assert pack(turned) == pack(SAMPLE)
    assert hashlib.sha256(pack(Tree({"a": File(data=b"1")}))).hexdigest() == (
        hashlib.sha256(pack(Tree({"a": File(data=b"1")}))).hexdigest()
    )
    assert pack(SAMPLE)[4:8] == bytes(4), "the header has a time"


def test_any_tar_program_reads_it_with_the_modes_of_the_reference() -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(SAMPLE)), mode="r:gz") as archive:
        members = {member.name: member for member in archive}
    assert {name: member.mode for name, member in members.items()} == {
        "a.yaml": 0o600,
        "b": 0o750,
        "b/c": 0o750,
        "b/c/empty": 0o600,
        "b/run.sh": 0o700,
        "deep": 0o750,
        "deep/" + "n" * 130: 0o750,
        "deep/" + "n" * 130 + "/é.yaml": 0o600,
    }
    for member in members.values():
        assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (
            0,
            0,
            "",
            "",
            0,
        )


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_other_programs_are_read(format_) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=format_) as archive:
        directory = tarfile.TarInfo("./d")
        directory.type = tarfile.DIRTYPE
        archive.addfile(directory)
        member = tarfile.TarInfo("./d/" + "p" * 60 + "/" + "q" * 60)
        member.size, member.mode, member.mtime = 3, 0o6755, 12345.5
        member.uname = "somebody"
        archive.addfile(member, io.BytesIO(b"abc"))
    assert unpack(out.getvalue()) == Tree(
        {"d/" + "p" * 60 + "/" + "q" * 60: File(data=b"abc", executable=True)}
    )


def test_an_empty_tree_is_packed_too() -> None:
    assert unpack(pack(Tree())) == Tree()


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(files=3), "files"),
        (Limits(file=599), "file"),
        (Limits(depth=2), "depth"),
        (Limits(unpacked=2048), "unpacked"),
        (Limits(packed=100), "packed"),
    ],
)
def test_a_tree_that_nobody_would_unpack_is_not_packed(limits, name) -> None:
    with pytest.raises(MalformedError, match=f"over the limit {name}"):
        pack(SAMPLE, limits)
    with pytest.raises(MalformedError, match=f"over the limit {name}"):
        unpack(pack(SAMPLE), limits)


def test_a_file_of_zeros_breaks_the_ratio_when_packed() -> None:
    with pytest.raises(MalformedError, match="ratio"):
        pack(Tree({"zeros": File(data=bytes(8 * 1024 * 1024))}))


def test_a_tree_says_what_it_is() -> None:
    assert repr(SAMPLE) == "<Tree 4 files, 621 bytes>"


@given(st.dictionaries(PATH, st.binary(max_size=30), max_size=6))
def test_the_index_names_each_file_with_its_digest_and_survives_the_wire(files) -> None:
    found = index(Tree({path: File(data=data) for path, data in files.items()}))
    assert found == {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    assert decode_index(encode_index(found)) == found
    assert encode_index(found) == encode_index(dict(reversed(found.items())))


@pytest.mark.parametrize("text", [b"[]", b"{", b'{"a": 1}', b'{"a": "xyz"}', b"[" * 100_000])
def test_what_is_no_index_is_malformed(text) -> None:
    with pytest.raises(MalformedError):
        decode_index(gzip.compress(text))


def test_a_bomb_in_place_of_an_index_is_refused() -> None:
    with pytest.raises(MalformedError, match="over the limit ratio"):
        decode_index(gzip.compress(b"[" + b" " * 20_000_000 + b"]"))


def test_an_index_of_nested_lists_is_refused_before_it_takes_memory() -> None:
    noise = random.Random(1).randbytes(100_000).hex().encode()  # so that it is no bomb as gzip
    text = b'{"' + noise + b'":[' + b"[]," * 3_000_000 + b"[]]}"
    packed = gzip.compress(text)
    tracemalloc.start()
    with pytest.raises(MalformedError, match="no map from paths"):
        decode_index(packed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(text)
