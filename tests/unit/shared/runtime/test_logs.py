"""Lines of a log, whatever others wrote into them."""

import json

from shared.runtime.logs import _dump

TEXT = "a\x1b[2J\x7f\x9b2J\u202egnp.exe\u2066 größe"


def test_a_line_of_a_log_steers_no_terminal_and_says_all_the_same():
    line = _dump({"msg": TEXT}).decode()
    assert line.isprintable()
    assert json.loads(line) == {"msg": TEXT}
    assert "größe" in line
