import asyncio
import json
import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from cli.up.errors import UpError
from cli.up.nats import NatsServer
from shared.bus import Bus, BusSettings
from shared.bus.users import USERS
from tests.fixtures.nats import ignore, until


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()


def modes(*files: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in files}


async def test_a_server_says_where_it_is_and_lets_each_user_in(tmp_path) -> None:
    lines: list[str] = []
    server = await NatsServer.start(tmp_path / "nats", report=lines.append)
    try:
        assert lines == [f"NATS listens on 127.0.0.1:{server.port}"]
        assert repr(server) == (f"<NatsServer 127.0.0.1:{server.port} pid={server.pid} running>")
        assert server.url_for("source") == f"nats://source@127.0.0.1:{server.port}"
        for user in USERS:
            bus = await Bus.connect(
                BusSettings(
                    url=server.url_for(user), user=user, password_file=server.password_file(user)
                )
            )
            assert bus.connected
            await bus.close()
    finally:
        await server.stop()
    assert not alive(server.pid)
    assert "ended" in repr(server)


async def test_the_address_of_the_admin_is_all_that_a_client_needs(nats_server) -> None:
    import nats

    client = await nats.connect(nats_server.server.url)
    await client.flush()
    await client.close()


async def test_passwords_are_random_and_for_the_owner_only(tmp_path) -> None:
    server = await NatsServer.start(tmp_path / "nats", report=ignore)
    try:
        passwords = {server.password_file(user).read_text() for user in USERS}
        assert len(passwords) == len(USERS)
        secret = [*map(server.password_file, USERS), tmp_path / "nats" / "nats.conf"]
        assert modes(*secret) == {0o600}
        command = command_line(server.pid)
        assert not any(password.strip() in command for password in passwords)
    finally:
        await server.stop()


async def test_a_second_start_finds_passwords_port_and_streams_again(tmp_path) -> None:
    first = await NatsServer.start(tmp_path / "nats", report=ignore)
    url = first.url
    await first.kill()
    second = await NatsServer.start(tmp_path / "nats", report=ignore, port=first.port)
    try:
        assert second.url == url
        assert second.pid != first.pid
    finally:
        await second.stop()


async def test_two_servers_run_side_by_side(tmp_path) -> None:
    servers = [await NatsServer.start(tmp_path / name, report=ignore) for name in ("a", "b")]
    assert servers[0].port != servers[1].port
    for server in servers:
        await server.stop()


async def test_a_server_has_a_process_group_of_its_own(nats_server) -> None:
    pid = nats_server.server.pid
    assert os.getpgid(pid) == pid


async def test_a_server_that_cannot_start_says_why(tmp_path, nats_server) -> None:
    with pytest.raises(UpError, match="address already in use"):
        await NatsServer.start(tmp_path / "other", report=ignore, port=nats_server.server.port)


PARENT = """
import asyncio, json, sys
from pathlib import Path
from cli.up.nats import NatsServer
async def main():
    server = await NatsServer.start(Path(sys.argv[1]), report=lambda line: None)
    print(json.dumps({"pid": server.pid}), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("wrapper", ["setpriv", "python"])
async def test_a_server_dies_with_its_parent(tmp_path, wrapper) -> None:
    # Without a PATH there is no setpriv, as on systems that lack it.
    path = os.environ["PATH"] if wrapper == "setpriv" else "/nonexistent"
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        str(tmp_path / "nats"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PATH": path},
    )
    assert parent.stdout is not None
    pid = json.loads(await parent.stdout.readline())["pid"]
    assert alive(pid)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    before = time.monotonic()

    async def dead() -> bool:
        return not alive(pid)

    await until(dead)
    assert time.monotonic() - before < 5
