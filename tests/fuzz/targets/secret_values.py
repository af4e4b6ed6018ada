"""Text with a remembered value in it: nothing of the value is left, in no form it travels in."""

import base64
import json
from urllib.parse import quote

from services.reconciler.core.masking import SHORTEST_SECRET, SecretValues

LONGEST = 400  # characters of a value
AROUND = 200  # characters on each side of a value; each of them is hashed, four times


def one(data):
    parts = data.decode(errors="replace").split("\x00", 2)
    if len(parts) < 3 or not SHORTEST_SECRET <= len(parts[0]) <= LONGEST:
        return
    value, before, after = parts[0], parts[1][:AROUND], parts[2][:AROUND]
    values = SecretValues(b"k" * 32)
    values.remember(value)
    encoded = value.encode(errors="replace")
    forms = (
        value,
        base64.b64encode(encoded).decode(),
        quote(value, safe="", errors="replace"),
        json.dumps(value)[1:-1],
    )
    for form in forms:
        if len(form) >= SHORTEST_SECRET:
            masked = values.mask(f"{before}{form}{after}")
            # The mask and what is beside it may spell one with its character by chance.
            assert form not in masked or "*" in form
