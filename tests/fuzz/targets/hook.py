"""A call of a receiver: it counts only if the body is signed with the token."""

import hashlib
import hmac

from services.notifier.core.verify import TYPES, Call, Genuine, check

TOKEN = b"token"
NAMES = ("x-signature", "x-hub-signature", "x-hub-signature-256", "x-github-event", "content-type")


def one(data):
    """Read: the type, the signature's kind (good or given), headers a line each, then the body."""
    kind, _, rest = data[1:].partition(b"\n")
    lines, _, body = rest.partition(b"\n\n")
    values = [line.decode("latin-1") for line in lines.split(b"\n")]
    headers = {name: (value,) for name, value in zip(NAMES, values, strict=False) if value}
    good = "sha256=" + hmac.new(TOKEN, body, hashlib.sha256).hexdigest()
    if kind == b"good":
        headers |= {"x-signature": (good,), "x-hub-signature-256": (good,)}
    type_ = TYPES[data[0] % len(TYPES)] if data else TYPES[0]
    found = check(type_, Call(headers=headers, body=body), TOKEN, ("push",))
    if type_ == "generic" or not isinstance(found, Genuine):
        return
    shown = {header[0].strip().lower() for header in headers.values()}
    sums = {
        f"{name}={hmac.new(TOKEN, body, name).hexdigest()}" for name in ("sha1", "sha256", "sha512")
    }
    assert {text.replace(" ", "") for text in shown} & sums
