"""
The Git server of ``setpoint up``: anonymous fetch and push on loopback, and a poke after each push.
"""

import asyncio
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from cli.up.errors import UpError
from cli.up.git_http import NoGit, clean_environment, git_program, serve

HOST = "127.0.0.1"
BRANCH = "main"
REPOSITORY = "example.git"
_AUTHOR = "Setpoint <setpoint@example.com>"
_CLOSE_TIMEOUT = 1.0  # seconds that a fetch under way gets when the server stops
# Runs in git's own process tree after a push; a receiver that is away must not fail the push.
_POKE = """\
import hashlib, hmac, http.client, json, pathlib, sys, urllib.parse
pushed = sys.stdin.read()
try:
    target = json.loads(pathlib.Path(sys.argv[1]).read_text())
    at = urllib.parse.urlsplit(target["url"])
    body = json.dumps({"pushed": pushed.splitlines()}).encode()
    signed = hmac.new(target["secret"].encode(), body, hashlib.sha256).hexdigest()
    link = http.client.HTTPConnection(at.hostname, at.port, timeout=3)
    headers = {"Content-Type": "application/json", "X-Signature": "sha256=" + signed}
    link.request("POST", at.path, body, headers)
    answer = link.getresponse()
    print("receiver poked" if answer.status == 200 else "the receiver answered %d" % answer.status)
except FileNotFoundError:
    pass
except Exception as error:
    print("the receiver was not poked (%s); the next poll finds the push" % type(error).__name__)
"""


class GitServer:
    """
    One repository, seeded from a folder at the first start and kept from then on.
    """

    def __init__(self) -> None:
        self._root = Path()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(
        self, data_dir: Path, seed: Path, report: Callable[[str], None], *, port: int = 0
    ) -> None:
        """
        Seed the repository if it is new, then listen.

        Args:
            data_dir: Where the repository and the receiver's address are kept, a whole path.
            seed: The folder whose files are the first commit, a whole path.
            report: Takes one line about what is done.
            port: 0 for any.

        Raises:
            UpError: There is no git, or the repository cannot be made.

        """
        self._root = data_dir
        try:
            new = await _seed(data_dir, seed)
        except NoGit as exc:
            raise UpError(str(exc)) from exc
        app = web.Application(client_max_size=0)
        app.router.add_route("*", f"/{REPOSITORY}/{{rest:.*}}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_TIMEOUT)
        await runner.setup()
        self._runner = runner
        try:
            await web.TCPSite(runner, HOST, port).start()
        except OSError as exc:
            raise UpError(f"the Git server cannot listen on port {port}: {exc.strerror}") from exc
        self._port = runner.addresses[0][1]
        seeded = f", seeded from {seed.name}/" if new else ""
        report(f"Git server at {self.url}{seeded}")

    @property
    def url(self) -> str:
        """
        The address for fetch and push.
        """
        return f"http://{HOST}:{self._port}/{REPOSITORY}"

    @property
    def port(self) -> int:
        """
        The port that it got.
        """
        return self._port

    def set_receiver(self, url: str, secret: str) -> None:
        """
        Say who is poked after a push from now on.
        """
        path = _receiver_file(self._root)
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps({"url": url, "secret": secret}), encoding="utf-8")
        part.replace(path)

    async def stop(self) -> None:
        """
        Stop listening.
        """
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await serve(request, self._root, {})


async def _seed(root: Path, seed: Path) -> bool:
    bare = root / REPOSITORY
    new = await asyncio.to_thread(_is_new, root)
    if new:
        part = root / f"{REPOSITORY}.part"
        await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)
        await _git(root, "init", "--quiet", "--bare", "-b", BRANCH, str(part))
        await _git(root, "-C", str(part), "config", "http.receivepack", "true")
        await _first_commit(root, part, seed)
        part.rename(bare)
    # The interpreter may have moved since the last start.
    _write_hook(root, bare)
    return new


def _is_new(root: Path) -> bool:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return not (root / REPOSITORY / "HEAD").exists()


async def _first_commit(root: Path, bare: Path, seed: Path) -> None:
    # git goes into the work tree before it looks for the other: both are whole paths.
    tree = ("--git-dir", str(bare), "--work-tree", str(seed))
    await _git(root, *tree, "add", "--all", ".")
    author, _, mail = _AUTHOR.partition(" <")
    who = ("-c", f"user.name={author}", "-c", f"user.email={mail.rstrip('>')}")
    await _git(root, *who, *tree, "commit", "--quiet", "-m", "Begin with the example")


def _write_hook(root: Path, bare: Path) -> None:
    hook = bare / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    program = bare / "hooks" / "poke.py"
    program.write_text(_POKE, encoding="utf-8")
    # Isolated and without site packages: it starts in a few milliseconds.
    words = [sys.executable, "-I", "-S", str(program), str(_receiver_file(root))]
    hook.write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n", encoding="utf-8")
    hook.chmod(0o755)


def _receiver_file(root: Path) -> Path:
    return root / "receiver.json"


async def _git(root: Path, *words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        git_program(),
        *words,
        cwd=root,
        env=clean_environment(root),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    if process.returncode:
        raise UpError(
            f"git {words[0]} failed in {os.fspath(root)}: {said.decode(errors='replace').strip()}"
        )
