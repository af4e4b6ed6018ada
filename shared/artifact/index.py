"""The index of a tree: which file has which digest."""

import hashlib
import json
import re
import zlib
from collections.abc import Mapping

from shared.artifact.pack import GZIP, LEVEL
from shared.artifact.tree import Tree, too_large
from shared.artifact.unpack import Inflate
from shared.errors import MalformedError

# Bytes. 50,000 paths of 250 bytes with their digests are 16 MiB.
INDEX_LIMIT = 32 * 1024 * 1024
# Looked at before it is parsed: nested empty lists become twenty times their text in memory.
_FORM = re.compile(rb'\{(?:"(?:[^"\\]++|\\.)*+":"[0-9a-f]{64}"(?:,(?=")|(?=\})))*+\}', re.DOTALL)
# Digests do not compress: a real index has a ratio below 10.
_RATIO = 100


def index(tree: Tree) -> dict[str, str]:
    """
    Compute the sha256, in hex, of each file.
    """
    return {
        path: hashlib.sha256(file.data).hexdigest() for path, file in sorted(tree.files.items())
    }


def encode_index(entries: Mapping[str, str]) -> bytes:
    """
    Write an index as gzip JSON, the same bytes for the same index.
    """
    text = json.dumps(dict(sorted(entries.items())), separators=(",", ":"), ensure_ascii=False)
    data = text.encode()
    if len(data) > INDEX_LIMIT:
        raise too_large("size of the index", len(data), INDEX_LIMIT, "index")
    squeeze = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    return squeeze.compress(data) + squeeze.flush()


def decode_index(data: bytes) -> dict[str, str]:
    """
    Read an index.

    Raises:
        MalformedError: It is too large, or no index.

    """
    text = Inflate(data, unpacked=INDEX_LIMIT, ratio=_RATIO).rest()
    if _FORM.fullmatch(text) is None:
        raise MalformedError("the index is no map from paths to sha256 digests in hex")
    try:
        entries: dict[str, str] = json.loads(text)
    except ValueError as error:
        raise MalformedError(f"the index is no JSON: {type(error).__name__}") from error
    return entries
