"""The address of an origin: nothing in it can be read as more than an address."""

from services.source.core.location import Location
from shared.errors import StalledError


def one(data):
    try:
        found = Location.parse(data.decode(errors="replace"))
    except StalledError:
        return
    assert found.scheme in {"http", "https", "ssh"}
    assert 0 < found.port < 65536
    assert not found.host.startswith("-")
    assert not found.user.startswith("-")
    assert not set(found.host) & set("@/\\?# %'")
    again = Location.parse(str(found))
    assert (again.host, again.port, again.path) == (found.host, found.port, found.path)
