import asyncio
import signal
import threading

import pytest
import typer

from cli.__main__ import main
from cli.cluster import INTERRUPTED, plainly


def test_ctrl_c_that_does_not_interrupt_a_sleeping_loop_ends_a_command_all_the_same():
    # What another thread takes is as silent as what comes just before the loop goes to sleep.
    asleep = threading.Event()
    woken = []

    def interrupt():
        asleep.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    async def work():
        loop = asyncio.get_running_loop()
        loop.call_later(10, woken.append, "by something else")
        loop.call_soon(asleep.set)
        await asyncio.Event().wait()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(typer.Exit) as ended:
        plainly(work)
    thread.join()
    assert ended.value.exit_code == INTERRUPTED
    assert not woken


def test_ctrl_c_before_a_command_runs_ends_quietly(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.app.app", interrupted)
    with pytest.raises(SystemExit) as ending:
        main()
    assert ending.value.code == 130
