"""The page that shows the webhooks of a development set-up."""

import json
import re
from datetime import datetime

import aiohttp
import pytest

from cli.up.webhook_page import SHOWN, WebhookPage

EVENT = {
    "involvedObject": {"kind": "Kustomization", "namespace": "apps", "name": "podinfo"},
    "severity": "error",
    "message": "2 of 40 objects refused",
    "reason": "ReconciliationFailed",
}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>@NONCE@\"'"


@pytest.fixture
async def page(tmp_path):
    found = await WebhookPage.start(tmp_path / "logs" / "webhooks.jsonl")
    yield found
    await found.stop()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def lines(tmp_path):
    def read():
        text = (tmp_path / "logs" / "webhooks.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    return read


async def next_event(response):
    """Return the id and the HTML of the next server-sent event."""
    id_ = ""
    while True:
        line = (await response.content.readline()).decode()
        if line.startswith("id: "):
            id_ = line[4:].strip()
        if line.startswith("data: "):
            return id_, json.loads(line[6:])


async def test_a_webhook_becomes_one_line_with_time_path_headers_and_body(page, client, lines):
    async with client.post(page.url + "hook?x=1", json=EVENT, headers={"gotk-component": "k"}) as r:
        assert r.status == 200
    (line,) = lines()
    assert line["path"] == "/hook?x=1"
    assert line["headers"]["gotk-component"] == "k"
    assert line["body"] == EVENT
    assert line["received"].endswith("Z")
    assert datetime.fromisoformat(line["received"]).tzinfo is not None


async def test_a_body_that_is_no_json_is_kept_as_text_on_one_line(page, client, lines):
    async with client.post(page.url, data=b"two\nlines \xff") as response:
        assert response.status == 200
    (line,) = lines()
    assert line["body"] == "two\nlines \ufffd"


async def test_the_page_lists_what_came_with_the_newest_first(page, client):
    for number in range(3):
        await client.post(page.url, json=EVENT | {"message": f"message {number}"})
    async with client.get(page.url) as response:
        text = await response.text()
    assert re.findall(r"<p>(message \d)</p>", text) == ["message 2", "message 1", "message 0"]
    assert "Kustomization/apps/podinfo" in text
    assert 'class="error"' in text


async def test_what_came_is_shown_as_text_and_never_as_html(page, client):
    hostile = {
        "involvedObject": {"kind": HOSTILE, "name": HOSTILE},
        "severity": HOSTILE,
        "message": HOSTILE,
        "reason": HOSTILE,
    }
    await client.post(page.url + "x", json=hostile, headers={"X-Odd": HOSTILE})
    async with client.get(page.url) as response:
        text = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert "<script>alert" not in text
    assert "<img" not in text
    nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})'", policy)
    assert nonce
    assert nonce[1] not in text.partition("<article")[2].partition("</article>")[0]


async def test_only_the_last_entries_are_listed(page, client):
    for number in range(SHOWN + 3):
        await client.post(page.url, json={"message": f"message {number}"})
    async with client.get(page.url) as response:
        text = await response.text()
    assert text.count("<article") == SHOWN
    assert "<p>message 2</p>" not in text
    assert "<p>message 3</p>" in text


async def test_a_browser_hears_of_a_webhook_at_once(page, client):
    async with client.get(page.url + "events") as stream:
        await client.post(page.url, json=EVENT | {"message": HOSTILE})
        id_, row = await next_event(stream)
    assert id_ == "1"
    assert "<script>" not in row
    assert "&lt;script&gt;" in row


async def test_a_browser_that_comes_again_gets_what_it_missed(page, client):
    for number in range(3):
        await client.post(page.url, json={"message": f"message {number}"})
    async with client.get(page.url + "events", headers={"Last-Event-ID": "1"}) as stream:
        assert [(await next_event(stream))[0] for _ in range(2)] == ["2", "3"]


async def test_what_an_earlier_run_logged_is_shown_again(tmp_path, client):
    log = tmp_path / "webhooks.jsonl"
    old = {"received": "2026-01-01T00:00:00Z", "path": "/", "headers": {}, "body": EVENT}
    log.write_text(json.dumps(old) + "\n" + '{"torn')
    page = await WebhookPage.start(log)
    try:
        async with client.get(page.url) as response:
            text = await response.text()
        assert text.count("<article") == 1
        assert "2 of 40 objects refused" in text
    finally:
        await page.stop()


async def test_other_paths_have_nothing_to_show(page, client):
    async with client.get(page.url + "favicon.ico") as response:
        assert response.status == 404


async def test_a_page_says_in_its_repr_where_it_is(page, client):
    await client.post(page.url, json={})
    assert repr(page) == f"<WebhookPage {page.url} entries=1 watchers=0>"
