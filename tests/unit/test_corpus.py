"""
The kept inputs of the fuzzer, each of which some parser had to learn: they break none again.
"""

from importlib import import_module
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"
INPUTS = sorted(path.relative_to(CORPUS) for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("kept", INPUTS, ids=str)
def test_a_kept_input_breaks_no_parser(kept):
    import_module(f"tests.fuzz.targets.{kept.parent}").one((CORPUS / kept).read_bytes())
