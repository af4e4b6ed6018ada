"""The description of an object of the store, and the ids in an inventory."""

from services.reconciler.core.inventory import Inventory, InventoryCorruptError
from shared.bus.object_meta import parse_meta


def one(data):
    found = parse_meta(data)
    assert found is None or isinstance(found.size, int)
    ids = data.decode(errors="replace").split("\n")
    try:
        inventory = Inventory.parse({"entries": [{"id": one, "v": "v1"} for one in ids]})
    except InventoryCorruptError:
        return
    clear = {key for key in inventory if key.recordable}
    assert clear <= Inventory.parse(inventory.to_json()).keys
