"""The receipts in the cache: those that can be read are written the same, all else is none."""

import zlib

from services.reconciler.core.receipt import decode, encode


def one(data):
    packed = data[1:] if data[:1] < b"\x80" else zlib.compress(data[1:], level=1)
    found = decode(packed)
    written = encode(found)
    assert written is None or decode(written) == found
