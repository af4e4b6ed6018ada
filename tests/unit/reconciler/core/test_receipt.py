import secrets
import tracemalloc
import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.receipt import (
    LIMIT_BYTES,
    Receipt,
    Saved,
    decode,
    encode,
    receipt_from_response,
    token_of,
    token_set,
    token_time,
)
from shared.model import ObjectKey
from tests.unit.reconciler.recorded import recorded

KEY = ObjectKey(group="", kind="X", namespace="n", name="a")


def nested(levels):
    deep = {}
    for _ in range(levels):
        deep = {"f:a": deep}
    return deep


text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
receipts = st.builds(
    Receipt,
    uid=text,
    desired_digest=text,
    token=text,
    generation=st.integers(0, 2**53),
    resource_version=text,
)
keys = st.builds(
    ObjectKey,
    group=st.sampled_from(["", "apps"]),
    kind=st.just("X"),
    namespace=st.sampled_from(["", "n"]),
    name=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
)


specs = st.none() | st.dictionaries(text, text | st.integers(0, 9), max_size=3)


@given(st.dictionaries(keys, receipts, max_size=8), specs)
def test_what_is_packed_is_unpacked_again(found, spec):
    saved = Saved(receipts=found, spec=spec)
    assert decode(encode(saved)) == saved


@pytest.mark.parametrize("spec", [{"patches": [secrets.token_hex(LIMIT_BYTES)]}, nested(300)])
def test_a_spec_that_cannot_be_kept_costs_no_receipts(spec):
    saved = Saved(receipts={KEY: recorded("scale").receipt}, spec=spec)
    assert decode(encode(saved)) == Saved(receipts=saved.receipts)


def test_receipts_without_a_spec_are_read_as_well():
    packed = zlib.compress(orjson.dumps({"form": 1, "receipts": []}))
    assert decode(packed) == Saved()


@given(st.binary(max_size=200))
def test_bytes_that_are_no_receipts_are_none(data):
    assert decode(data) == Saved()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        orjson.dumps({"form": 2, "receipts": []}),
        orjson.dumps({"form": 1, "receipts": [["short"]]}),
        orjson.dumps({"form": 1, "receipts": [["n_a__X", "u", "d", "t", "many", "1"]]}),
        orjson.dumps({"form": 1, "receipts": [[None, "u", "d", "t", 1, "1"]]}),
        orjson.dumps({"form": 1, "receipts": 5}),
    ],
)
def test_content_of_another_form_is_no_receipt(content):
    assert decode(zlib.compress(content)) == Saved()


@given(st.dictionaries(keys, receipts, min_size=1, max_size=3), st.data())
def test_receipts_cut_short_are_none(found, data):
    packed = encode(Saved(receipts=found))
    cut = data.draw(st.integers(0, len(packed) - 1))
    assert decode(packed[:cut]) == Saved()


def test_nothing_stored_is_nothing_known():
    assert decode(None) == Saved()


def test_receipts_that_would_not_fit_into_a_message_are_not_kept():
    one = recorded("scale").receipt
    many = {
        ObjectKey(group="", kind="X", namespace="n", name=f"a{n}"): Receipt(
            uid=secrets.token_hex(16),
            desired_digest=secrets.token_hex(32),
            token=one.token,
            generation=1,
            resource_version=str(n),
        )
        for n in range(22_000)
    }
    assert encode(Saved(receipts=many)) is None
    few = dict(list(many.items())[:10_000])
    assert len(encode(Saved(receipts=few))) <= LIMIT_BYTES


def test_the_receipt_of_an_answer_has_what_a_watch_will_show():
    case = recorded("scale")
    found = receipt_from_response("sha256:x", case.applied)
    metadata = case.applied["metadata"]
    assert (found.uid, found.generation) == (metadata["uid"], metadata["generation"])
    assert found.resource_version == metadata["resourceVersion"]
    assert found.desired_digest == "sha256:x"
    assert found.token == token_of(case.applied)
    assert token_time(found.token).startswith("2026-")


def test_the_token_moves_with_the_set_of_fields_and_with_its_time():
    scale, same = recorded("scale"), recorded("same-manager-other-value")
    assert token_set(token_of(scale.live)) != token_set(scale.receipt.token)
    assert token_set(token_of(same.live)) == token_set(same.receipt.token)
    assert token_time(token_of(same.live)) > token_time(same.receipt.token)


def test_the_token_does_not_depend_on_the_order_of_fields():
    def entry(fields):
        one = {"manager": "setpoint", "operation": "Apply", "time": "t", "fieldsV1": fields}
        return {"metadata": {"managedFields": [one]}}

    assert token_of(entry({"f:a": {}, "f:b": {}})) == token_of(entry({"f:b": {}, "f:a": {}}))


@pytest.mark.parametrize(
    "change",
    [{"manager": "other"}, {"operation": "Update"}, {"subresource": "status"}],
)
def test_entries_that_are_not_our_apply_have_no_token(change):
    one = {"manager": "setpoint", "operation": "Apply", "time": "t", "fieldsV1": {}} | change
    assert token_of({"metadata": {"managedFields": [one]}}) == ""


def test_a_receipt_says_in_one_line_what_it_is():
    one = Receipt(uid="u", desired_digest="d", token="t", generation=2, resource_version="7")
    assert repr(one) == "Receipt(uid u, t, generation 2, resourceVersion 7)"


def test_a_record_under_our_name_that_nobody_can_read_has_no_token():
    deep = nested(300)
    one = {"manager": "setpoint", "operation": "Apply", "time": "t", "fieldsV1": deep}
    assert token_of({"metadata": {"managedFields": [one]}}) == ""


def test_receipts_that_would_fill_the_memory_are_none():
    tracemalloc.start()
    assert (
        decode(zlib.compress(b'{"form":1,"receipts":[' + b"[]," * 20_000_000 + b"[]]}")) == Saved()
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 256 * 1024 * 1024
