"""
The model of the reconciler for a minute, always the same orders of events.

``make fuzz`` looks at others each time. What breaks a promise is printed as the steps to it,
and is to be kept in ``tests/unit/reconciler/test_model.py`` as a test of its own.
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = 200


@pytest.mark.timeout(900)  # a failure is made as small as it can be, which takes longer
@pytest.mark.parametrize("machine", ["machine", "twins"])
async def test_no_order_of_events_breaks_a_promise(machine):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.model.run", machine, str(EXAMPLES)),
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode(errors="replace")[-8000:]
