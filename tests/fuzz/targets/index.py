"""The index of an artifact: digests by path, or it is refused."""

import gzip

from shared.artifact import encode_index
from shared.artifact.index import decode_index
from shared.errors import MalformedError


def one(data):
    packed = data[1:] if data[:1] < b"\x80" else gzip.compress(data[1:], compresslevel=1)
    try:
        found = decode_index(packed)
    except MalformedError:
        return
    assert all(len(bytes.fromhex(digest)) == 32 for digest in found.values())
    try:
        assert decode_index(encode_index(found)) == found
    except UnicodeEncodeError:
        assert any("\ud800" <= char <= "\udfff" for path in found for char in path)
