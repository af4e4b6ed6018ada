"""The Secret of an origin: credentials, or a refusal that shows no value."""

from services.source.core.credentials import read
from services.source.core.location import Location
from shared.errors import TransientError

PLACES = (Location.parse("https://h/p"), Location.parse("ssh://git@h/p"))
ENTRIES = ("username", "password", "bearerToken", "identity", "known_hosts", "tls.crt", "tls.key")


def one(data):
    if not data:
        return
    values = data[1:].split(b"\x00")
    secret = {name: v for name, v in zip(ENTRIES, values, strict=False) if v}
    try:
        found = read("ns/s", secret, PLACES[data[0] % 2])
    except TransientError as exc:
        shown = exc.message
    else:
        assert not set("\r\n\0") & set(found.username + found.bearer)
        shown = repr(found)
    assert not any(len(v) > 12 and v.decode(errors="replace") in shown for v in values)
