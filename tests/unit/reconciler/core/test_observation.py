import copy
import sys

from services.reconciler.core.health import Status
from services.reconciler.core.observation import MESSAGE_CHARACTERS, observe
from services.reconciler.core.options import DEFAULT
from tests.unit.reconciler.recorded import OWNER, recorded


def test_a_whole_object_is_reduced_to_what_decisions_need():
    case = recorded("scale")
    found = observe(case.live, OWNER)
    metadata = case.live["metadata"]
    assert (found.uid, found.generation) == (metadata["uid"], metadata["generation"])
    assert found.resource_version == metadata["resourceVersion"]
    assert found.health in Status
    assert found.owner_ok
    assert (found.paused, found.terminating, found.options) == ("", False, DEFAULT)


def test_a_kind_of_which_only_metadata_are_watched_is_current_by_being_there():
    metadata = {"name": "one", "uid": "u", "resourceVersion": "1"}
    partial = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    assert observe(partial, OWNER).health is Status.CURRENT
    metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert observe(partial, OWNER).health is Status.TERMINATING


def test_it_is_small_whatever_the_object_is():
    case = copy.deepcopy(recorded("status").live)
    case["status"]["conditions"][0] |= {
        "type": "Stalled",
        "status": "True",
        "message": "x" * 10_000,
    }
    found = observe(case, OWNER)
    assert len(found.message) == MESSAGE_CHARACTERS
    fields = (getattr(found, name) for name in found.__slots__)
    assert sum(map(sys.getsizeof, fields)) < 1000


def test_another_owner_a_pause_and_an_end_are_seen():
    obj = copy.deepcopy(recorded("pause-annotation").live)
    obj["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/namespace"] = "other"
    obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    found = observe(obj, OWNER)
    assert (found.owner_ok, found.paused, found.terminating) == (
        False,
        "2026-12-01T00:00:00Z",
        True,
    )


def test_an_object_without_anything_can_be_observed():
    assert observe({}, OWNER).uid == ""
