"""A reference to a commit: what is resolved is a revision that can be read again."""

from services.source.core.reference import Reference
from shared.errors import StalledError, TransientError
from shared.model import Revision

FIELDS = ("branch", "tag", "semver", "name", "commit")


def one(data):
    lines = data.decode(errors="replace").split("\n")
    given = dict(zip(FIELDS, lines, strict=False))
    try:
        reference = Reference(**given)
    except StalledError:
        return
    refs = dict.fromkeys([reference.prefix, *lines[len(FIELDS) :]], "a" * 40)
    try:
        found = reference.resolve(refs)
    except TransientError:
        return
    assert Revision.parse(str(found)) == found
