"""The header of a signature: true for the HMAC of the body in one of three algorithms only."""

import hmac

from services.notifier.core.verify import signed


def one(data):
    header, _, body = data.partition(b"\n")
    text = header.decode("latin-1")
    if not signed(text, body, b"token"):
        return
    name, _, given = text.partition("=")
    assert name in {"sha1", "sha256", "sha512"}
    assert "".join(given.split()).lower() == hmac.new(b"token", body, name).hexdigest()
