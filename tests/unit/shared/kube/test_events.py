"""The core/v1 form of our events, and the queue before the API server."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from shared.kube.errors import ServerFailed
from shared.kube.events import EventRecorder, event_object
from shared.kube.resource import Resource
from shared.messages import Event


def event(**changes: Any) -> Event:
    values: dict[str, Any] = {
        "involvedObject": {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "name": "apps",
            "namespace": "flux-system",
            "uid": "u-1",
        },
        "severity": "info",
        "timestamp": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "message": "done",
        "reason": "ReconciliationSucceeded",
        "metadata": {"revision": "main@sha1:abc", "other.example/key": "x", "not a key": "y"},
        "reportingController": "kustomize-controller",
        "reportingInstance": "host_1",
        **changes,
    }
    return Event.model_validate(values)


class Creator:
    """
    The recorder's port, which keeps what is created or fails.
    """

    def __init__(self, error: ServerFailed | None = None) -> None:
        self.created: list[dict[str, Any]] = []
        self._error = error

    async def create(
        self, resource: Resource, obj: dict[str, Any], *, manager: str = ""
    ) -> dict[str, Any]:
        if self._error:
            raise self._error
        self.created.append(obj)
        return obj


def test_an_event_has_the_form_of_the_cluster() -> None:
    written = event_object(event(), stamp=255)
    assert written["metadata"] == {
        "name": "apps.ff",
        "namespace": "flux-system",
        "annotations": {
            "kustomize.toolkit.fluxcd.io/revision": "main@sha1:abc",
            "other.example/key": "x",
        },
    }
    assert written["involvedObject"]["uid"] == "u-1"
    assert written["type"] == "Normal"
    assert written["firstTimestamp"] == "2026-01-02T03:04:05Z"
    assert written["reportingComponent"] == written["source"]["component"] == "kustomize-controller"
    assert written["reportingInstance"] == "host_1"


def test_an_error_is_a_warning() -> None:
    assert event_object(event(severity="error"), stamp=1)["type"] == "Warning"
    assert event_object(event(severity="trace"), stamp=1)["type"] == "Normal"


def test_an_object_of_the_cluster_has_its_events_in_the_default_namespace() -> None:
    about = {"apiVersion": "v1", "kind": "Namespace", "name": "shop"}
    written = event_object(event(involvedObject=about), stamp=1)
    assert written["metadata"]["namespace"] == "default"
    assert written["metadata"]["annotations"] == {"other.example/key": "x"}


def test_what_is_too_long_is_cut_to_what_the_cluster_takes() -> None:
    about = {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "a", "name": "n" * 253}
    written = event_object(event(message="m" * 5000, involvedObject=about), stamp=2**63)
    assert len(written["message"]) == 1024
    assert len(written["metadata"]["name"]) <= 253


async def test_recording_never_waits_and_a_full_queue_drops() -> None:
    recorder = EventRecorder(Creator(), limit=2)
    for _ in range(3):
        recorder.record(event())
    assert recorder.dropped == 1
    assert repr(recorder) == "EventRecorder(queued=2, dropped=1)"


async def test_events_are_written_in_their_order() -> None:
    cluster = Creator()
    recorder = EventRecorder(cluster)
    for reason in ("A", "B", "C"):
        recorder.record(event(reason=reason))
    task = asyncio.create_task(recorder.run())
    await recorder.flush()
    task.cancel()
    assert [written["reason"] for written in cluster.created] == ["A", "B", "C"]


async def test_other_work_goes_first_but_not_for_ever(monkeypatch) -> None:
    monkeypatch.setattr("shared.kube.events.PATIENCE", 0.0)
    busy, order = asyncio.Event(), []

    class Slow(Creator):
        async def create(self, resource, obj, *, manager=""):
            order.append("written" if not busy.is_set() else "written when quiet")
            return obj

    async def quiet() -> None:
        order.append("asked")
        await busy.wait()

    recorder = EventRecorder(Slow(), quiet=quiet)
    recorder.record(event())
    task = asyncio.create_task(recorder.run())
    await recorder.flush()
    assert order == ["asked", "written"]
    monkeypatch.setattr("shared.kube.events.PATIENCE", 60.0)
    recorder.record(event())
    await asyncio.sleep(0)
    assert order == ["asked", "written", "asked"]
    busy.set()
    await recorder.flush()
    task.cancel()
    assert order == ["asked", "written", "asked", "written when quiet"]


async def test_a_refused_event_is_counted_and_the_next_one_tried() -> None:
    recorder = EventRecorder(Creator(ServerFailed("no")))
    recorder.record(event())
    recorder.record(event())
    task = asyncio.create_task(recorder.run())
    await recorder.flush()
    task.cancel()
    assert recorder.dropped == 2
