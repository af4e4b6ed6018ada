"""
Judge O6: texts that belong into Secrets stand nowhere else, in no form.
"""

import base64
from collections.abc import Iterable, Iterator

from tests.faults.oracle.breach import Breach


def forms(canary: str) -> set[bytes]:
    """
    Return what a text looks like, plain and in base64 wherever it begins.
    """
    data = canary.encode()
    found = {data, data.hex().encode()}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + data)
        # The first and the last group mix with what stands around.
        found.add(text[4 if shift else 0 : (len(data) + shift) // 3 * 4])
    return found


def kept(places: Iterable[tuple[str, bytes]], canaries: Iterable[str]) -> Iterator[Breach]:
    """
    Look for the canaries in what was collected, each with the name of its place.
    """
    known = {form: name for name in canaries for form in forms(name)}
    for place, data in places:
        for form, name in known.items():
            at = data.find(form)
            if at >= 0:
                around = data[max(0, at - 100) : at].decode(errors="replace")
                yield Breach(
                    invariant="O6",
                    object=place,
                    expected="no secret in it",
                    seen=f"{name[:12]}... after {around!r}",
                )
                break
