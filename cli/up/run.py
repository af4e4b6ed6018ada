"""
Run `setpoint up` as a process: which cluster, the lock, signals, the exit code.
"""

import asyncio
import os
import signal

import structlog

from cli.up.errors import UpError
from cli.up.say import Say
from cli.up.state import State
from cli.up.system import System
from cli.up.target import Target, find_target, refuse_remote
from shared.errors import SetpointError

INTERRUPTED = 130


def run_up() -> int:
    """
    Start the system, stay until a signal, and return the exit code.
    """
    say = Say()
    # What libraries log about reconnects and the like, is told by the parts in plain words.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    state = State.find()
    try:
        target = find_target(os.environ)
        if target is not None:
            say.line("cluster", f"using {target.context} at {target.address}, as KUBECONFIG says")
            refuse_remote(target, os.environ)
        state.hold()
    except UpError as error:
        say.trouble("setpoint", f"error: {error}")
        return error.exit_code
    try:
        _remember(state, target)
        return asyncio.run(_until_signal(System(state, target, say), say))
    finally:
        state.release()


def _remember(state: State, target: Target | None) -> None:
    state.keep_foreign(f"{target.context} at {target.address}" if target else "")
    if target is not None:
        state.write_secret(state.login, target.login)


async def _until_signal(system: System, say: Say) -> int:
    got: list[signal.Signals] = []
    work = asyncio.create_task(system.run(), name="system")

    def stop(number: signal.Signals) -> None:
        if got:
            # The second one: somebody is in a hurry. The kernel ends our children with us.
            os._exit(INTERRUPTED)
        got.append(number)
        work.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    try:
        await work
    except asyncio.CancelledError:
        pass
    except BaseException as error:
        first = _first(error)
        if not isinstance(first, UpError | SetpointError):
            raise
        say.trouble("setpoint", f"error: {first}")
        return first.exit_code if isinstance(first, UpError) else 1
    return INTERRUPTED if got[:1] == [signal.SIGINT] else 0


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
