"""
Run `setpoint down`: stop a running `setpoint up`, then remove its state.
"""

import contextlib
import os
import shutil
import signal

from cli.up.say import Say
from cli.up.state import State

# Seconds that `setpoint up` gets to stop; it promises 10.
STOP_TIMEOUT = 20.0
KILL_TIMEOUT = 5.0


def run_down() -> int:
    """
    Stop and remove, and return the exit code.
    """
    say, state = Say(), State.find()
    if not state.root.exists():
        say.line("setpoint", f"nothing to remove: there is no {state.root}")
        return 0
    if not _stop(say, state):
        return 1
    foreign = state.foreign
    shutil.rmtree(state.root)
    say.line("setpoint", f"removed {state.root}")
    if foreign:
        say.line(
            "cluster",
            f"{foreign} still holds the definitions, the namespace flux-system and what the example"
            " applied: nothing is removed from a cluster that is not ours",
        )
    return 0


def _stop(say: Say, state: State) -> bool:
    holder = state.holder()
    if holder is None:
        return True
    if not holder:
        say.trouble("setpoint", f"error: {state.root} is in use; end its process, then try again")
        return False
    say.line("setpoint", f"stopping process {holder}")
    for number, within in ((signal.SIGTERM, STOP_TIMEOUT), (signal.SIGKILL, KILL_TIMEOUT)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder, number)
        if state.freed(within):
            return True
    say.trouble("setpoint", f"error: process {holder} does not end; end it, then try again")
    return False
