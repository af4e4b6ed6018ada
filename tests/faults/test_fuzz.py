"""
Each parser of outside input under the fuzzer for a few seconds, from the kept corpus.

The inputs are always the same ones: ``make fuzz`` looks for others. One that breaks a parser is
printed, and belongs into ``tests/fuzz/corpus``.
"""

import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = sorted(path.stem for path in (ROOT / "tests/fuzz/targets").glob("*.py"))
SECONDS = 5
SEED = 1
AT_ONCE = 2  # as many as the smallest machine has cores
MOST = 180.0  # seconds until a fuzzer that does not end is ended


async def fuzzed(target: str, folder: Path) -> str:
    """
    Run one target; return what broke, if anything did.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fuzz.run", target, str(SECONDS)),
        *(str(folder / target), str(SEED)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(MOST):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return f"{target}: {said.decode(errors='replace')[-4000:]}" if process.returncode else ""


@pytest.mark.timeout(900)
async def test_no_input_breaks_a_parser(tmp_path):
    assert len(TARGETS) >= 12
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(target: str) -> str:
        async with turns:
            return await fuzzed(target, tmp_path)

    found = await asyncio.gather(*map(one, TARGETS))
    assert not [text for text in found if text], "\n".join(found)


def test_each_target_begins_with_a_corpus():
    kept = {path.name for path in (ROOT / "tests/fuzz/corpus").iterdir()}
    assert kept == set(TARGETS)
