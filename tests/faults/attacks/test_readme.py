"""
The table of the corpus names tests that are there, and every test of the corpus is named.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def named():
    return re.findall(r"`(tests/\S+\.py)::(test_\w+)`", (HERE / "README.md").read_text())


def found_in(path):
    return set(re.findall(r"(?m)^ *(?:async )?def (test_\w+)\(", path.read_text()))


def test_every_line_names_one_test_that_is_there():
    text = (HERE / "README.md").read_text()
    lines = re.findall(r"(?m)^\| [MF]\d.*$", text)
    assert len(lines) == len(named()) > 90
    assert [one for one in named() if one[1] not in found_in(ROOT / one[0])] == []


def test_every_test_of_the_corpus_is_named():
    here = {test for path in HERE.glob("test_*.py") for test in found_in(path)}
    known = {test for _, test in named()} | found_in(Path(__file__))
    assert here - known == {"test_a_pack_that_is_one_is_taken_from_such_a_server"}


def test_every_row_is_held_or_said_not_to_be_reachable():
    text = (HERE / "README.md").read_text()
    assert {int(number) for number in re.findall(r"\bM(\d+)\b", text)} == set(range(1, 26))
