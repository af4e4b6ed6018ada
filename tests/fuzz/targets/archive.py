"""An artifact: what is unpacked is a tree that may be packed, or the archive is refused."""

import gzip

from shared.artifact import pack, unpack
from shared.artifact.tree import LIMITS, Names
from shared.errors import MalformedError


def one(data):
    # Half of the inputs are a tar in a good gzip: else the fuzzer would be busy with checksums.
    packed = data[1:] if data[:1] < b"\x80" else gzip.compress(data[1:], compresslevel=1)
    try:
        tree = unpack(packed)
    except MalformedError:
        return
    names = Names(LIMITS)
    for path in tree:
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        names.add(path)
    assert unpack(pack(tree)) == tree
