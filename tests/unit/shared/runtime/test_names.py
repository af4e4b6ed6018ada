"""Lookups of names: bounded, and in nobody's way."""

import asyncio
import socket
from threading import Event

import pytest

from shared.runtime.names import THREADS, Names


@pytest.fixture
def silent(monkeypatch):
    """Let the name server say nothing about ``*.silent`` until the test ends; count who asks."""
    end, asked = Event(), []
    real = socket.getaddrinfo

    def look_up(host, port, *args, **kwargs):
        asked.append(host)
        if host.endswith(".silent"):
            end.wait(30)
            raise OSError("no answer")
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield asked
    end.set()


async def test_a_silent_name_server_keeps_no_other_work_of_threads_waiting(silent):
    names = Names()
    lookups = [asyncio.create_task(names.addresses(f"{n}.silent", 80)) for n in range(THREADS * 3)]
    async with asyncio.timeout(10):
        while len(silent) < THREADS:
            await asyncio.sleep(0)
        # What syncs files and finds the API server runs in the threads of the loop.
        assert await asyncio.to_thread(lambda: "done") == "done"
        assert await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
    for task in lookups:
        task.cancel()
    await asyncio.gather(*lookups, return_exceptions=True)


async def test_lookups_are_bounded_also_when_nobody_waits_for_them_any_more(silent):
    names = Names(threads=2)
    for n in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await names.addresses(f"{n}.silent", 80)
    assert silent == ["0.silent", "1.silent"]


async def test_addresses_come_once_and_in_order_and_in_the_form_of_the_client(silent):
    names = Names()
    assert await names.addresses("127.0.0.1", 80) == ["127.0.0.1"]
    found = await names.resolve("::1", 80, socket.AF_UNSPEC)
    assert [(entry["host"], entry["family"]) for entry in found] == [("::1", socket.AF_INET6)]


async def test_what_is_no_host_and_what_has_no_address_is_an_error(silent):
    with pytest.raises(UnicodeError):
        await Names().addresses("a" * 70 + ".example", 80)
    with pytest.raises(OSError, match=r"."):
        await Names().addresses("127.0.0.1", 80, socket.AF_INET6)
