"""
The page for operators names what is there: metrics, log lines and reasons.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
CODE = [
    (path, path.read_text())
    for folder in ("services", "shared")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
METRIC = re.compile(r"\b((?:setpoint|gotk)_[a-z_]+)\b")
# Words in code font that begin with a capital and are no reason.
KINDS = {"Drifted", "Ready", "KIND", "TEXT", "NAME", "Kustomization"}


def strings():
    found = set()
    for _, text in CODE:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def quoted(pattern):
    return {found for found in re.findall(r"`([^`]+)`", PAGE) if re.fullmatch(pattern, found)}


def test_every_metric_is_on_the_page_and_every_one_on_the_page_is_in_the_code():
    ours = {one for one in strings() if METRIC.fullmatch(one)}
    assert set(METRIC.findall(PAGE)) == ours


def test_every_log_line_that_is_named_is_written_somewhere():
    lines = set(re.findall(r"(?:log|line) (`[^`]+`(?:(?:, | or |, later )`[a-z][^`]+`)*)", PAGE))
    named = {one for group in lines for one in re.findall(r"`([a-z][a-z ]+)`", group)}
    assert len(named) > 10
    assert named - strings() == set()


def test_every_reason_that_is_named_exists():
    named = quoted(r"[A-Z][a-z]+([A-Z][a-z]*)+") - KINDS
    assert len(named) > 15
    assert named - strings() == set()
