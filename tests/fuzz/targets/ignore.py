"""An ignore file of a repository: any text is read, and any path is answered, in short time."""

from services.source.core.ignore import Ignore


def one(data):
    path, _, text = data.partition(b"\n")
    name = path.decode(errors="replace")[:1000]
    lines = text.decode(errors="replace")[:4000]
    ignore = Ignore.of([("", lines)], "")
    excluded = ignore.excludes(name)
    # A pattern that comes last and says the opposite of all decides.
    assert Ignore.of([("", lines)], "!**").excludes(name) in {False, excluded}
