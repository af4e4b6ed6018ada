"""
How the object store describes an object, whoever wrote the description.
"""

from datetime import UTC, datetime

import pytest

from shared.bus.object_meta import ObjectMeta, describe, parse_meta
from shared.model import Digest


def test_what_is_described_is_read_again():
    data = describe("a", "n", Digest.of(b""), 7, 2, 4, datetime(2026, 1, 1, tzinfo=UTC))
    assert parse_meta(data) == ObjectMeta(name="a", nuid="n", size=7, chunks=2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"name": "a"}',
        b'{"name": "a", "nuid": "n", "size": Infinity}',
        b'{"name": "a", "nuid": "n", "chunks": "many"}',
        b'{"name": "a", "nuid": "n", "size": -1}',
        b'{"name": "a", "nuid": "n", "chunks": -1}',
        b'{"name": "a", "nuid": ">"}',
        b'{"name": "a", "nuid": "*"}',
        b'{"name": "a", "nuid": "n.>"}',
        b'{"name": "a", "nuid": ""}',
        b'{"name": "a", "nuid": "n\\n"}',
        b'{"name": "a", "nuid": "' + b"n" * 65 + b'"}',
        b'{"name": "a", "nuid": "n", "deleted": true}',
        b'{"name": "a", "nuid": "n", "options": {"link": {"bucket": "b"}}}',
    ],
)
def test_what_describes_no_object_of_its_own_is_none(data):
    assert parse_meta(data) is None
