"""
The web page that shows the webhooks of a development set-up.

Whatever is posted to it becomes one JSON line in a log and one entry of the page, which browsers
follow by server-sent events. Everything shown is escaped: what comes in is anybody's text.
"""

import asyncio
import html
import json
import secrets
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from aiohttp import web

LOOPBACK = "127.0.0.1"
SHOWN = 200  # entries on the page
_BODY_LIMIT = 4 * 1024 * 1024  # bytes; the largest event has 39,000 characters
_HEARTBEAT = 15.0  # seconds; finds out that a browser is gone
_BACKLOG = 1000  # entries that a slow browser may be behind; then it comes again
_TAIL = 8 * 1024 * 1024  # bytes at the end of an old log that are read at a start

Entry = Mapping[str, Any]


class WebhookPage:
    """
    Takes webhooks and shows them.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._entries: deque[tuple[int, Entry]] = deque(maxlen=SHOWN)
        self._number = 0
        self._watchers: set[asyncio.Queue[tuple[int, Entry] | None]] = set()
        self._writing = asyncio.Lock()
        self._runner: web.AppRunner | None = None
        self.port = 0

    @classmethod
    async def start(cls, log: Path, *, port: int = 0) -> Self:
        """
        Listen on loopback and write what comes to ``log``.
        """
        page = cls(log)
        for entry in await asyncio.to_thread(_read_tail, log):
            page._remember(entry)
        app = web.Application(client_max_size=_BODY_LIMIT)
        app.router.add_get("/", page._show)
        app.router.add_get("/events", page._stream)
        app.router.add_route("*", "/{path:.*}", page._take)
        page._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await page._runner.setup()
        await web.TCPSite(page._runner, LOOPBACK, port).start()
        page.port = page._runner.addresses[0][1]
        return page

    @property
    def url(self) -> str:
        """
        The address of the page; any path below it takes webhooks.
        """
        return f"http://{LOOPBACK}:{self.port}/"

    async def stop(self) -> None:
        """
        Stop listening.
        """
        for watcher in self._watchers:
            _offer(watcher, None)
        if self._runner is not None:
            await self._runner.cleanup()

    def __repr__(self) -> str:
        return f"<WebhookPage {self.url} entries={self._number} watchers={len(self._watchers)}>"

    async def _take(self, request: web.Request) -> web.Response:
        if request.method not in {"POST", "PUT"}:
            return web.Response(status=404, text="Webhooks are posted here.\n")
        body = await request.read()
        entry = {
            "received": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "path": request.path_qs,
            "headers": dict(request.headers),
            "body": _decoded(body),
        }
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        async with self._writing:
            await asyncio.to_thread(_append, self._log, line)
            numbered = self._remember(entry)
        for watcher in self._watchers:
            _offer(watcher, numbered)
        return web.Response(text="ok\n")

    def _remember(self, entry: Entry) -> tuple[int, Entry]:
        self._number += 1
        numbered = (self._number, entry)
        self._entries.append(numbered)
        return numbered

    async def _show(self, _: web.Request) -> web.Response:
        nonce = secrets.token_hex(16)
        rows = "".join(_row(number, entry) for number, entry in reversed(self._entries))
        text = (
            _PAGE.replace("@NONCE@", nonce)
            .replace("@LAST@", str(self._number))
            .replace("@SHOWN@", str(SHOWN))
            .replace("@ROWS@", rows)
        )
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        seen = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        after = int(seen) if seen.isascii() and seen.isdigit() else self._number
        watcher: asyncio.Queue[tuple[int, Entry] | None] = asyncio.Queue(_BACKLOG)
        self._watchers.add(watcher)
        try:
            for number, entry in [item for item in self._entries if item[0] > after]:
                await response.write(_event(number, entry))
            await _follow(response, watcher)
        except ConnectionResetError:
            pass  # the browser is gone
        finally:
            self._watchers.discard(watcher)
        return response


async def _follow(
    response: web.StreamResponse, watcher: "asyncio.Queue[tuple[int, Entry] | None]"
) -> None:
    while True:
        try:
            async with asyncio.timeout(_HEARTBEAT):
                numbered = await watcher.get()
        except TimeoutError:
            await response.write(b": still here\n\n")
            continue
        if numbered is None:
            return
        await response.write(_event(*numbered))


def _offer(
    watcher: "asyncio.Queue[tuple[int, Entry] | None]", item: tuple[int, Entry] | None
) -> None:
    if watcher.full():
        # It asks again, and then gets what the page shows.
        while not watcher.empty():
            watcher.get_nowait()
        item = None
    watcher.put_nowait(item)


def _event(number: int, entry: Entry) -> bytes:
    # As JSON, the HTML has no line break, which would end the event.
    return f"id: {number}\ndata: {json.dumps(_row(number, entry))}\n\n".encode()


def _row(number: int, entry: Entry) -> str:
    body = entry.get("body")
    event = body if isinstance(body, dict) else {}
    involved = event.get("involvedObject")
    about = involved if isinstance(involved, dict) else {}
    name = "/".join(
        str(about[key]) for key in ("kind", "namespace", "name") if about.get(key)
    ) or str(entry.get("path", ""))
    severity = "error" if event.get("severity") == "error" else "info"
    details = json.dumps(
        {"headers": entry.get("headers"), "body": body}, indent=2, ensure_ascii=False
    )
    message = event.get("message") or (body if isinstance(body, str) else "")
    return (
        f'<article class="{severity}" id="w{number}"><header>'
        f"<time>{_text(entry.get('received'))}</time>"
        f"<strong>{_text(event.get('reason') or 'webhook')}</strong>"
        f"<span>{_text(name)}</span></header>"
        f"<p>{_text(message)}</p>"
        f"<details><summary>{_text(entry.get('path'))}</summary>"
        f"<pre>{html.escape(details)}</pre></details></article>"
    )


def _text(value: object) -> str:
    return html.escape("" if value is None else str(value))


def _decoded(body: bytes) -> Any:
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _append(log: Path, line: str) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8", errors="replace") as file:
        file.write(line)


def _read_tail(log: Path) -> list[Entry]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    entries = [_decoded(line.encode()) for line in lines[-SHOWN:]]
    return [entry for entry in entries if isinstance(entry, dict)]


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Webhooks</title>
<style nonce="@NONCE@">
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem; }
h1 { font-size: 1.3rem; margin: 0; }
#state { color: gray; margin: 0 0 1rem; }
article { border: 1px solid #8884; border-left: 4px solid #2a8f5b; border-radius: 6px;
  margin: 0 0 .7rem; padding: .5rem .8rem; overflow-wrap: anywhere; }
article.error { border-left-color: #c8372d; }
header { display: flex; flex-wrap: wrap; gap: .2rem 1rem; align-items: baseline; }
time, summary { color: gray; font-size: .85rem; }
p { margin: .3rem 0; white-space: pre-wrap; }
pre { overflow-x: auto; font-size: .8rem; white-space: pre-wrap; }
</style>
<h1>Webhooks</h1>
<p id="state">The last @SHOWN@, newest first.</p>
<main id="list">@ROWS@</main>
<script nonce="@NONCE@">
const list = document.getElementById("list"), state = document.getElementById("state");
const source = new EventSource("/events?after=@LAST@");
source.onopen = () => { state.textContent = "Live. The last @SHOWN@, newest first."; };
source.onerror = () => { state.textContent = "Not connected; trying again."; };
source.onmessage = (event) => {
  if (document.getElementById("w" + event.lastEventId)) return;
  list.insertAdjacentHTML("afterbegin", JSON.parse(event.data));
  while (list.children.length > @SHOWN@) list.lastElementChild.remove();
};
</script>
</html>
"""
