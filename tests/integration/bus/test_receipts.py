import pytest

from shared.bus import streams
from shared.bus.errors import NoStream
from shared.errors import MalformedError


@pytest.fixture
async def bucket(connect_bus):
    bus = await connect_bus("reconciler")
    await bus.declare(streams.RECEIPTS)
    return bus.kv("RECEIPTS")


async def test_a_key_has_the_value_that_was_put_last(bucket) -> None:
    await bucket.put("local.Kustomization.ns.a", b"1")
    await bucket.put("local.Kustomization.ns.a", b"2")
    assert await bucket.get("local.Kustomization.ns.a") == b"2"
    assert await bucket.get("local.Kustomization.ns") is None


async def test_a_deleted_key_is_gone_and_may_come_back(bucket) -> None:
    await bucket.put("a.b", b"1")
    await bucket.delete("a.b")
    await bucket.delete("a.b")
    assert await bucket.get("a.b") is None
    assert await bucket.keys() == []
    await bucket.put("a.b", b"2")
    assert await bucket.get("a.b") == b"2"


async def test_keys_and_values_are_read_below_a_prefix(bucket) -> None:
    for key in ("local.K.ns.a", "local.K.ns.b", "local.K.other.a"):
        await bucket.put(key, key.encode())
    assert await bucket.keys() == ["local.K.ns.a", "local.K.ns.b", "local.K.other.a"]
    assert await bucket.entries("local.K.ns") == {
        "local.K.ns.a": b"local.K.ns.a",
        "local.K.ns.b": b"local.K.ns.b",
    }


async def test_a_large_receipt_fits(bucket) -> None:
    value = bytes(900 * 1024)
    for number in range(12):
        await bucket.put(f"k.{number}", value)
    assert await bucket.get("k.3") == value
    assert len(await bucket.entries()) == 12


@pytest.mark.parametrize("key", ["", "a..b", ".a", "a.", "*", "a.>", "a b", "a:b", "é"])
async def test_a_key_that_is_no_subject_is_refused(bucket, key) -> None:
    with pytest.raises(MalformedError):
        await bucket.put(key, b"")


async def test_without_a_bucket_a_read_says_so(connect_bus) -> None:
    bucket = (await connect_bus("reconciler")).kv("RECEIPTS")
    with pytest.raises(NoStream):
        await bucket.get("a")
