"""
The packed form of a tree of files: bytes in, values out.

Reproducible tar.gz, bounded unpacking, and the index of a tree. It touches no file system, and
trusts no archive: every limit is checked while reading, before memory is spent. Everybody may
import it.
"""

from shared.artifact.index import decode_index, encode_index, index
from shared.artifact.pack import pack
from shared.artifact.tree import LIMITS, File, Limits, Tree
from shared.artifact.unpack import unpack

__all__ = [
    "LIMITS",
    "File",
    "Limits",
    "Tree",
    "decode_index",
    "encode_index",
    "index",
    "pack",
    "unpack",
]
