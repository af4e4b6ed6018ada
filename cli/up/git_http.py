"""
Serve Git repositories over HTTP: ``git http-backend`` behind aiohttp.

For development and tests: anonymous fetch and push, on loopback.
"""

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from aiohttp import web

_CHUNK = 64 * 1024  # bytes
_HEAD_LIMIT = 64 * 1024  # bytes of the CGI's headers


class NoGit(Exception):  # noqa: N818 - a fact about this machine
    """
    The program git is not installed here.
    """


def git_program() -> str:
    """
    Find git.

    Raises:
        NoGit: It is not on the PATH.

    """
    found = shutil.which("git")
    if found is None:
        raise NoGit("git is not installed; install it and try again")
    return found


def clean_environment(home: Path) -> dict[str, str]:
    """
    Return an environment in which git reads nobody's configuration.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }


async def serve(request: web.Request, root: Path, extra: dict[str, str]) -> web.StreamResponse:
    """
    Answer one request from the repositories under ``root``.
    """
    environment = clean_environment(root) | {
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "REMOTE_ADDR": request.remote or "",
    }
    for header in ("Content-Encoding", "Git-Protocol"):
        if header in request.headers:
            name = header.upper().replace("-", "_")
            environment[f"HTTP_{name}"] = request.headers[header]
    if "Git-Protocol" in request.headers:
        environment["GIT_PROTOCOL"] = request.headers["Git-Protocol"]
    if request.content_length is not None:
        environment["CONTENT_LENGTH"] = str(request.content_length)
    process = await asyncio.create_subprocess_exec(
        git_program(),
        "http-backend",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment | extra,
        limit=_HEAD_LIMIT,
    )
    feeder = asyncio.create_task(_feed(request, process))
    try:
        return await _relay(request, process)
    except BaseException:
        with suppress(ProcessLookupError):
            # By number: the object's own kill would reap the process before its watcher does.
            os.kill(process.pid, signal.SIGKILL)
        raise
    finally:
        await process.wait()
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)


async def _feed(request: web.Request, process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe
    with suppress(ConnectionError):
        async for part in request.content.iter_chunked(_CHUNK):
            process.stdin.write(part)
            await process.stdin.drain()
    process.stdin.close()


async def _relay(request: web.Request, process: asyncio.subprocess.Process) -> web.StreamResponse:
    assert process.stdout is not None  # noqa: S101 - a pipe
    response = web.StreamResponse()
    while line := (await process.stdout.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        if name.lower() == "status":
            response.set_status(int(value.split()[0]))
        else:
            response.headers[name] = value.strip()
    await response.prepare(request)
    while part := await process.stdout.read(_CHUNK):
        await response.write(part)
    with suppress(ConnectionError):
        # A client that read all it wanted closes without waiting for the end mark.
        await response.write_eof()
    return response
