"""
Look up host names in threads of their own.

A name server that says nothing holds a thread for half a minute, and whoever declares an address
may choose the name server: the threads that sync files and find the API server must not be those.
"""

import asyncio
import socket
from contextlib import suppress
from threading import Thread

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 16  # lookups at once; they sleep, so it is memory that bounds them


class Names(AbstractResolver):
    """
    Looks names up, a bounded number at a time; for aiohttp too.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._turns = asyncio.Semaphore(threads)

    async def addresses(self, host: str, port: int, family: int = 0) -> list[str]:
        """
        Return the addresses of a host, each once.

        Raises:
            OSError: It has none, or nobody can tell.
            UnicodeError: It is no host name.

        """
        await self._turns.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()

        def tell(found: list[str], fault: Exception | None) -> None:
            # Only now: who stopped waiting left a thread behind that still waits.
            self._turns.release()
            if answer.done():
                return
            if fault is not None:
                answer.set_exception(fault)
            else:
                answer.set_result(found)

        def work() -> None:
            found: list[str] = []
            fault: Exception | None = None
            try:
                entries = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
                found = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
            except (OSError, UnicodeError) as exc:
                fault = exc
            with suppress(RuntimeError):  # the loop is closed: nobody asks any more
                loop.call_soon_threadsafe(tell, found, fault)

        # A daemon: the end of the process waits for no name server.
        Thread(target=work, name=f"lookup {host}", daemon=True).start()
        return await answer

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """
        Return the addresses in aiohttp's form.
        """
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in await self.addresses(host, port, family)
        ]

    async def close(self) -> None:
        """
        Nothing to close: threads end by themselves.
        """
