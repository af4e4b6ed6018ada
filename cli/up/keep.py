"""
Start again what dies, and say so.
"""

import asyncio
import signal
import time
from collections.abc import Callable

from cli.up.errors import UpError
from cli.up.parts import Part
from cli.up.say import Say

# Seconds from an end to the next start: long enough to see it, short enough to wait for.
RESTART = 1.0
# What ends at once, again and again, is started less and less often.
LONGEST = 30.0
# Seconds after which a part counts as having worked.
SETTLED = 10.0
# Ends of a part that never worked after which the whole start has failed.
HOPELESS = 3


async def keep(part: Part, say: Say, on_start: Callable[[], None]) -> None:
    """
    Start a part again whenever it ends, until cancelled.

    Args:
        part: It runs already.
        say: Where it is said.
        on_start: Called after each new start.

    Raises:
        UpError: It has never worked.

    """
    quick, settled = 0, False
    while True:
        begin = time.monotonic()
        code = await part.wait()
        lasted = time.monotonic() - begin
        settled = settled or lasted > SETTLED
        quick = quick + 1 if lasted < SETTLED else 0
        if not settled and quick >= HOPELESS and code > 0:
            raise UpError(f"{part.name} {how(code)}, {quick} times; {part.quoted()}")
        delay = min(RESTART * 2 ** max(0, quick - 2), LONGEST)
        say.trouble("setpoint", f"{part.name} {how(code)}; starting it again in {delay:g} s")
        if code > 0:
            say.trouble("setpoint", part.quoted())
        await asyncio.sleep(delay)
        await _start(part, say)
        say.line("setpoint", f"{part.name} runs again (process {part.pid})")
        on_start()


def how(code: int) -> str:
    """
    Say in words how a process ended.
    """
    if code >= 0:
        return f"ended with exit code {code}" if code else "ended"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


async def _start(part: Part, say: Say) -> None:
    delay = RESTART
    while True:
        try:
            await part.start()
        except UpError as error:
            say.trouble("setpoint", f"{part.name} does not start: {error}")
            delay = min(delay * 2, LONGEST)
            await asyncio.sleep(delay)
        else:
            return
