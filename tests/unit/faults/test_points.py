"""
The kill series knows every named point of the services.
"""

import re
from pathlib import Path

from tests.faults.points import POINTS, SERVICES

ROOT = Path(__file__).parents[3]


def test_the_kill_series_comes_to_every_point_in_the_code():
    sources = [path.read_text() for path in (ROOT / "services").rglob("*.py")]
    sources += [path.read_text() for path in (ROOT / "shared").rglob("*.py")]
    named = {name for text in sources for name in re.findall(r"\bpoint\(\"([^\"]+)\"\)", text)}
    assert named == POINTS.keys()


def test_a_point_is_named_after_the_service_that_it_is_in():
    for service in SERVICES:
        texts = [path.read_text() for path in (ROOT / "services" / service).rglob("*.py")]
        named = {name for text in texts for name in re.findall(r"\bpoint\(\"([^\"]+)\"\)", text)}
        assert named == {name for name in POINTS if name.startswith(f"{service}.")}
