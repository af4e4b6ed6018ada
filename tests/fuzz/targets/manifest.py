"""What was rendered: objects that can be sent, or refusals; the same again of what is sent."""

import orjson

from services.reconciler.core.manifest import Preparation, prepare
from services.reconciler.core.owner import Owner


def one(data):
    try:
        found = orjson.loads(data)
    except ValueError:
        return
    objects = [one for one in (found if isinstance(found, list) else [found]) if _is_map(one)]
    preparation = Preparation(
        owner=Owner(name="app", namespace="ns"),
        is_namespaced=lambda key, version: True,
        target_namespace="ns",
        secret_key=b"k",
    )
    prepared = prepare(objects, preparation)
    assert len(prepared.desired) + len(prepared.refused) == len(objects)
    for one_ in prepared.desired:
        again = prepare([one_.object], preparation)
        assert [found.digest for found in again.desired] == [one_.digest]


def _is_map(obj):
    return isinstance(obj, dict) and isinstance(obj.get("metadata", {}), dict)
