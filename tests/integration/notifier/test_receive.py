"""Webhooks that make their sources look."""

import hashlib
import hmac
import json

import aiohttp

from shared.messages import Command, payload_as


async def test_a_signed_push_makes_the_source_look(notifier, declare, bus):
    declare.secret("hook-token", token="sesame")
    declare(
        "Receiver",
        "push",
        {
            "type": "github",
            "events": ["push"],
            "secretRef": {"name": "hook-token"},
            "resources": [{"kind": "GitRepository", "name": "app"}],
        },
        version="v1",
    )
    process = await notifier.start()
    found, _ = await declare.ready("receiver", "push")
    body = json.dumps({"ref": "refs/heads/main"}).encode()
    headers = {
        "X-Hub-Signature-256": "sha256=" + hmac.digest(b"sesame", body, hashlib.sha256).hex(),
        "X-GitHub-Event": "push",
        "Content-Type": "application/json",
    }
    async with aiohttp.ClientSession() as session:
        url = process.receiver(found["status"]["webhookPath"])
        async with session.post(url, data=body, headers=headers) as response:
            assert response.status == 200
    (received,) = [item async for item in bus.read("COMMANDS", "commands.>")]
    command = payload_as(received.envelope, Command)
    assert (command.action, command.kind, command.name) == ("look", "GitRepository", "app")
