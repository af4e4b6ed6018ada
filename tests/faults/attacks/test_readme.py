"""
The table of the corpus names tests that are there.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_row_names_a_file_of_tests_that_is_there():
    named = re.findall(r"`(tests/\S+\.py)`", (Path(__file__).parent / "README.md").read_text())
    assert len(named) > 20
    assert [path for path in named if "def test_" not in (ROOT / path).read_text()] == []
