"""
What the oracle's watch makes of the times in which it was away.
"""

from types import SimpleNamespace

import pytest

from shared.kube.watch import Changed, Listed
from tests.faults.oracle.observer import Observer
from tests.faults.workload.journal import Key

KEY = Key("", "ConfigMap", "faults-1", "one")


def config(version, uid="a"):
    meta = {"name": "one", "namespace": "faults-1", "uid": uid, "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def listed(version, *items):
    return Listed(items=items, resource_version=str(version))


@pytest.fixture
def observe(tmp_path):
    async def seen(*events):
        async def watch(resource):
            for event in events:
                yield event

        async def resource(group, kind, version):
            return kind

        (tmp_path / "audit.log").touch()
        kube = SimpleNamespace(watch=watch, resource=resource)
        observer = Observer(SimpleNamespace(audit_log=tmp_path / "audit.log", kube=kube))
        await observer._watch("ConfigMap", "v1", observer._see_object)
        record = observer.record
        return record, [(one.version, one.obj is not None) for one in record.objects[KEY]]

    return seen


async def test_an_object_that_no_list_has_any_more_ended_by_the_version_of_the_list(observe):
    record, states = await observe(listed(5, config(3)), Changed(object=config(7)), listed(20))
    assert states == [(3, True), (7, True), (20, False)]
    assert record.missed(KEY, 12)
    assert not record.missed(KEY, 6)


async def test_an_object_that_was_replaced_meanwhile_has_ended_before(observe):
    _, states = await observe(listed(5, config(3)), listed(20, config(15, "b")))
    assert states == [(3, True), (14, False), (15, True)]


async def test_an_object_that_no_watch_has_ever_shown_may_have_been_there_meanwhile(observe):
    record, states = await observe(listed(5), listed(20))
    assert states == []
    assert record.missed(KEY, 12)
    assert not record.missed(KEY, 3)


async def test_an_object_that_is_as_before_was_so_meanwhile(observe):
    record, states = await observe(listed(5, config(3)), listed(20, config(3)))
    assert states == [(3, True)]
    assert not record.missed(KEY, 12)
