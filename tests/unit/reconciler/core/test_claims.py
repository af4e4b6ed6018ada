"""Whose an object is, judged by what others have said and are about to say."""

import pytest

from services.reconciler.core.claims import (
    LOOKS,
    PATIENCE,
    Answer,
    Claims,
    Neighbour,
    after,
    keeps,
    takes,
    undecided,
)
from tests.unit.reconciler.made import key

WEB, OTHER = key("ConfigMap", "web", "shop"), key("ConfigMap", "other", "shop")
CHILD = key("Kustomization", "child", "shop", group="kustomize.toolkit.fluxcd.io")


def neighbour(*keys, digest="sha256:new", **more):
    claims = Claims(digest="sha256:new", generation=1, keys=frozenset(keys))
    return Neighbour(claims=claims, digest=digest, generation=1, **more)


def silent(**more):
    return Neighbour(claims=None, digest="sha256:new", generation=1, **more)


@pytest.mark.parametrize(
    ("other", "answer"),
    [
        (neighbour(WEB), Answer.YES),
        (neighbour(OTHER), Answer.NO),
        (neighbour(WEB, deleting=True), Answer.NO),
        (neighbour(OTHER, digest="sha256:newer", busy=True), Answer.SOON),
        (neighbour(OTHER, digest="sha256:newer"), Answer.NO),
        (neighbour(WEB, digest="sha256:newer"), Answer.YES),
        (neighbour(WEB, busy=True), Answer.YES),
        (silent(busy=True), Answer.SOON),
        (silent(), Answer.YES),
    ],
)
def test_who_has_recorded_an_object_keeps_it_while_it_declares_it_or_cannot_say(other, answer):
    assert keeps(other, WEB) is answer


@pytest.mark.parametrize(
    ("other", "answer"),
    [
        (neighbour(WEB), Answer.YES),
        (neighbour(OTHER), Answer.NO),
        (neighbour(WEB, deleting=True), Answer.NO),
        (neighbour(OTHER, digest="sha256:newer", busy=True), Answer.SOON),
        (neighbour(OTHER, digest="sha256:newer"), Answer.NO),
        (neighbour(WEB, digest="sha256:newer"), Answer.YES),
        (silent(busy=True), Answer.SOON),
        (silent(), Answer.NO),
    ],
)
def test_an_object_is_taken_over_by_who_declares_it_and_may_be_by_who_is_about_to_say(
    other, answer
):
    assert takes(other, WEB, waits=True) is answer


@pytest.mark.parametrize(
    ("other", "answer"),
    [
        (neighbour(WEB, digest="sha256:newer", busy=True), Answer.YES),
        (neighbour(OTHER, digest="sha256:newer", busy=True), Answer.NO),
        (silent(busy=True), Answer.NO),
    ],
)
def test_who_does_not_wait_goes_by_what_was_said_last(other, answer):
    assert takes(other, WEB, waits=False) is answer


def test_claims_are_waited_for_some_time_and_some_looks_at_each_revision():
    ours, newer = (Claims(digest=f"sha256:{n}", generation=1, keys=frozenset()) for n in "12")
    asked = undecided(None, ours, 100.0)
    assert asked.patient(100.0)
    for _ in range(LOOKS):
        assert asked.patient(100.0 + PATIENCE)  # we may have stood still meanwhile
        asked = undecided(asked, ours, 100.0 + PATIENCE)
    assert asked.patient(100.0 + PATIENCE - 1)
    assert not asked.patient(100.0 + PATIENCE)
    assert undecided(asked, newer, 100.0 + PATIENCE).patient(100.0 + PATIENCE)


def test_claims_of_another_generation_are_not_about_now():
    claims = Claims(digest="sha256:new", generation=1, keys=frozenset({WEB}))
    other = Neighbour(claims=claims, digest="sha256:new", generation=2, busy=True)
    assert keeps(other, WEB) is takes(other, WEB, waits=True) is Answer.SOON


def test_a_kustomization_is_born_where_it_was_not_declared_before():
    first = Claims(digest="sha256:1", generation=1, keys=frozenset({WEB}))
    second = Claims(digest="sha256:2", generation=1, keys=frozenset({WEB, OTHER, CHILD}))
    assert after(None, second).born == frozenset()
    assert after(first, second).born == {CHILD}
    again = Claims(digest="sha256:3", generation=1, keys=second.keys)
    assert after(after(first, second), again).born == {CHILD}
    less = Claims(digest="sha256:4", generation=1, keys=frozenset({CHILD}))
    assert after(after(first, second), less).born == frozenset()
