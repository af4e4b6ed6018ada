"""Starting, stopping and killing whole clusters."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import aiohttp
import pytest
import yaml

from cli.up.cluster import DevCluster
from cli.up.errors import UpError
from cli.up.programs import DEVCLUSTER, build
from tests.fixtures.cluster import Kubectl

pytestmark = pytest.mark.usefixtures("built")

PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


@pytest.fixture(scope="session")
def built():
    # A name of its own, so that the program is there even where KUBECONFIG names a cluster.
    return build(DEVCLUSTER, report=print)


@pytest.fixture
async def start(tmp_path):
    started = []

    async def one(name, data_dir=None, **options):
        cluster = await DevCluster.start(data_dir, logs=tmp_path / name, environment={}, **options)
        started.append(cluster)
        return cluster

    yield one
    for cluster in started:
        await cluster.stop()


def processes_of(cluster):
    """The launcher and its parts."""
    return [cluster.pid, *children_of(cluster.pid)]


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def still_there(pids):
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


async def end_of(pids):
    # A pidfd becomes readable when its process ends, whoever its parent is.
    loop = asyncio.get_running_loop()
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ended = asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            async with asyncio.timeout(5):
                await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)


def test_the_help_shows_no_flags_of_linked_libraries(built):
    command = [built, "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert text.count("\n  -") == 7, text
    assert "-audit-log" in text


async def test_two_clusters_run_side_by_side_and_do_not_meet(start, record_property):
    begin = time.monotonic()
    one, two = await asyncio.gather(start("one"), start("two"))
    record_property("seconds_to_ready", round(time.monotonic() - begin, 1))
    assert one.address != two.address
    await asyncio.to_thread(Kubectl(one.kubeconfig), "create", "namespace", "only-here")
    absent = await asyncio.to_thread(Kubectl(two.kubeconfig).run, "get", "namespace", "only-here")
    assert "NotFound" in absent.stderr


async def test_a_stop_takes_less_than_five_seconds_and_leaves_nothing(start, record_property):
    cluster = await start("one")
    pids = processes_of(cluster)
    assert len(pids) == 1 + len(PARTS)
    begin = time.monotonic()
    await cluster.stop()
    took = time.monotonic() - begin
    record_property("seconds_to_stop", round(took, 1))
    assert took < 5
    assert still_there(pids) == []


async def test_a_killed_launcher_leaves_no_process(start):
    cluster = await start("one")
    pids = processes_of(cluster)
    assert len(pids) == 1 + len(PARTS)
    os.kill(cluster.pid, signal.SIGKILL)
    await end_of(pids)


async def test_a_killed_part_ends_the_cluster_and_is_named(start):
    cluster = await start("one")
    scheduler = processes_of(cluster)[-1]
    pids = processes_of(cluster)
    os.kill(scheduler, signal.SIGKILL)
    await end_of(pids)
    log = (cluster.kubeconfig.parent / "devcluster.log").read_text()
    assert "ended by itself" in log


async def test_the_cluster_ends_with_its_parent(built, tmp_path):
    # A shell starts it and is killed, as a user's terminal may be.
    kubeconfig = tmp_path / "kubeconfig"
    script = f"{built} --kubeconfig={kubeconfig} --log-dir={tmp_path} --die-with-parent=$$ & wait"
    shell = await asyncio.create_subprocess_exec(
        "sh", "-c", script, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    line = await asyncio.wait_for(shell.stdout.readline(), 60)
    assert line.startswith(b"ready ")
    [launcher] = children_of(shell.pid)
    shell.kill()
    await end_of([launcher])
    await shell.wait()


async def test_a_kept_data_directory_survives_a_restart_with_its_credentials(start, tmp_path):
    first = await start("first", tmp_path / "data")
    await asyncio.to_thread(Kubectl(first.kubeconfig), "create", "namespace", "kept")
    await first.stop()
    second = await start("second", tmp_path / "data")
    await asyncio.to_thread(Kubectl(second.kubeconfig), "get", "namespace", "kept")
    user = [yaml.safe_load(c.kubeconfig.read_text())["users"] for c in (first, second)]
    assert user[0] == user[1]


async def test_a_data_directory_belongs_to_one_cluster_at_a_time(start, tmp_path):
    await start("first", tmp_path / "data")
    with pytest.raises(UpError, match="in use by another devcluster"):
        await start("second", tmp_path / "data")


async def test_the_server_is_verified_and_a_foreign_authority_is_refused(start, tmp_path):
    one, two = await asyncio.gather(start("one"), start("two"))
    config = yaml.safe_load(one.kubeconfig.read_text())
    assert "insecure-skip-tls-verify" not in config["clusters"][0]["cluster"]
    other = yaml.safe_load(two.kubeconfig.read_text())
    mixed = tmp_path / "mixed"
    config["clusters"][0]["cluster"]["certificate-authority-data"] = other["clusters"][0][
        "cluster"
    ]["certificate-authority-data"]
    mixed.write_text(yaml.safe_dump(config))
    refused = await asyncio.to_thread(Kubectl(mixed).run, "get", "namespaces")
    assert "certificate signed by unknown authority" in refused.stderr


async def test_the_login_is_private_and_random_and_others_may_do_nothing(start):
    one, two = await asyncio.gather(start("one"), start("two"))
    assert one.kubeconfig.stat().st_mode & 0o077 == 0
    assert one.kubeconfig.read_text() != two.kubeconfig.read_text()
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"Authorization": "Bearer guess"}):
            async with session.get(
                f"{one.address}/api/v1/namespaces", headers=headers, ssl=False
            ) as answer:
                assert answer.status in {401, 403}


async def test_the_audit_log_says_who_did_what(start, tmp_path):
    audit = tmp_path / "audit.log"
    cluster = await start("one", audit_log=audit)
    await asyncio.to_thread(Kubectl(cluster.kubeconfig), "create", "namespace", "audited")
    whole, _, _ = audit.read_bytes().rpartition(b"\n")  # it may be writing the next one
    entries = [json.loads(line) for line in whole.splitlines()]
    found = [
        entry
        for entry in entries
        if entry["verb"] == "create" and entry["objectRef"].get("name") == "audited"
    ]
    assert [entry["user"]["username"] for entry in found] == ["devcluster-admin"]
    assert all("requestObject" not in entry for entry in entries)


async def test_the_api_server_counts_its_requests_and_knows_its_version(start):
    cluster = await start("one")
    kubectl = Kubectl(cluster.kubeconfig)
    metrics = await asyncio.to_thread(kubectl, "get", "--raw", "/metrics")
    assert "apiserver_request_total" in metrics
    version = json.loads(await asyncio.to_thread(kubectl, "get", "--raw", "/version"))
    assert version["gitVersion"] == "v1.37.2"


async def test_a_port_in_use_is_named(built, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            built, f"--port={port}", f"--log-dir={tmp_path}", stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            _, said = await process.communicate()
    assert process.returncode == 1
    assert b"address already in use" in said


async def test_binaries_named_by_kubebuilder_assets_run_instead(built, tmp_path):
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in ("etcd", "kube-apiserver"):
        (assets / name).symlink_to(built)
    cluster = await DevCluster.start(
        None, logs=tmp_path / "logs", environment={"KUBEBUILDER_ASSETS": str(assets)}
    )
    pids = [child.pid for child in cluster.children]
    try:
        kubectl = Kubectl(cluster.kubeconfig)
        await asyncio.to_thread(kubectl, "create", "configmap", "here")
        nodes = await asyncio.to_thread(kubectl, "get", "nodes")
        assert nodes == ""
    finally:
        await cluster.stop()
    await end_of(pids)


async def test_a_directory_without_binaries_is_refused_with_words(tmp_path):
    with pytest.raises(UpError, match="has no etcd"):
        await DevCluster.start(
            None, logs=tmp_path / "logs", environment={"KUBEBUILDER_ASSETS": str(tmp_path)}
        )
