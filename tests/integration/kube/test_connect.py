"""How a client finds its cluster, and what it writes there for people."""

import json
import subprocess
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.errors import StalledError
from shared.kube import Kube
from shared.kube import errors as kube_errors
from shared.kube.events import EVENTS
from shared.messages import Event
from tests.fixtures.api_proxy import ApiProxy
from tests.fixtures.kube_objects import CONFIG_MAP, config_map


def kubeconfig_with(
    folder: Path, user: Mapping[str, Any], server: str = "http://127.0.0.1:1"
) -> Path:
    path = folder / "kubeconfig"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": dict(user)}],
        "contexts": [
            {"name": "c", "context": {"cluster": "c", "user": "u"}},
            {"name": "anonymous", "context": {"cluster": "c"}},
        ],
        "current-context": "c",
    }
    path.write_text(json.dumps(config))
    return path


async def test_the_kubeconfig_of_the_environment_is_used(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    kube = await Kube.connect(None, name="setpoint-test")
    await kube.ping()
    assert repr(kube) == f"Kube({kube.address})"
    await kube.close()


async def test_connecting_needs_no_api_server(tmp_path: Path) -> None:
    kube = await Kube.connect(kubeconfig_with(tmp_path, {}), name="setpoint-test")
    with pytest.raises(kube_errors.Unreachable):
        await kube.ping()
    await kube.close()


async def test_a_context_without_a_user_is_anonymous(tmp_path: Path) -> None:
    path = kubeconfig_with(tmp_path, {"token": "t"})
    kube = await Kube.connect(path, context="anonymous", name="setpoint-test")
    assert await kube.credentials.header() == ""
    await kube.close()


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "t\n"}, "Bearer t"),
        ({"username": "a", "password": "b"}, "Basic YTpi"),
        ({}, ""),
    ],
)
async def test_the_credentials_of_a_kubeconfig_are_sent(
    tmp_path: Path, user: dict[str, str], header: str
) -> None:
    kube = await Kube.connect(kubeconfig_with(tmp_path, user), name="setpoint-test")
    assert await kube.credentials.header() == header
    await kube.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "kubeconfig is no kubeconfig: expected are lists of clusters"),
        ("[]", "is no kubeconfig: expected"),
        ("root:x:0:0:root", "is no kubeconfig: expected"),
        ("clusters: [{server: x}]", "is no kubeconfig: expected"),
        ("{}", "is no kubeconfig: expected"),
        ("contexts: [{name: a}, {name: b}]", "chooses no context; there are: a, b$"),
        ("{a: [", "not YAML near line"),
    ],
)
async def test_an_unreadable_kubeconfig_is_said(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(StalledError, match=words):
        await Kube.connect(path, name="setpoint-test")


SECRET = "hunter2hunter2"
PEM = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (SECRET, "not of the expected form"),
        ([SECRET], "client-certificate is not base64"),
        (
            {"exec": {"apiVersion": "v1", "command": "x", "args": SECRET}},
            "not of the expected form",
        ),
        ({"exec": SECRET}, "missing key 'command'"),
        ({"client-certificate": PEM, "client-key": PEM}, "client-certificate names a file"),
        ({"client-certificate-data": SECRET + "%é", "client-key-data": "x"}, "client-certificate"),
        ({"client-certificate-data": "aHVudGVyMg==", "client-key-data": "aHVudGVyMg=="}, "PEM"),
    ],
)
async def test_nothing_of_a_kubeconfig_stands_in_the_error_about_it(
    tmp_path: Path, user: Any, words: str
) -> None:
    path = kubeconfig_with(tmp_path, {}, server="https://127.0.0.1:1")
    config = json.loads(path.read_text())
    config["users"][0]["user"] = user
    path.write_text(json.dumps(config))
    with pytest.raises(StalledError, match=words) as caught:
        await Kube.connect(path, name="setpoint-test")
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in shown
    assert "aHVudGVy" not in shown


@pytest.mark.parametrize(
    ("part", "entries", "words"),
    [
        ("users", [{"user": {"token": SECRET}}, {"name": "u"}], "is no kubeconfig"),
        ("clusters", [{"name": "c", "cluster": {"proxy-url": SECRET}}], "Expected key server"),
    ],
)
async def test_no_entry_of_a_kubeconfig_that_lacks_a_key_stands_in_the_error_about_it(
    tmp_path: Path, part: str, entries: list[Any], words: str
) -> None:
    path = kubeconfig_with(tmp_path, {})
    path.write_text(json.dumps(json.loads(path.read_text()) | {part: entries}))
    with pytest.raises(StalledError, match=words) as caught:
        await Kube.connect(path, name="setpoint-test")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("text", [f"token: *{SECRET}", f"token: !{SECRET} x", f"token: {{{SECRET}"])
async def test_nothing_of_a_kubeconfig_that_is_no_yaml_stands_in_the_error(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(f"users:\n- {text}\n")
    with pytest.raises(StalledError, match="not YAML near line [23]") as caught:
        await Kube.connect(path, name="setpoint-test")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_a_missing_kubeconfig_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StalledError, match="no kubeconfig at .*/nowhere"):
        await Kube.connect(tmp_path / "nowhere", name="setpoint-test")
    assert not caplog.records


async def test_a_context_that_there_is_not_is_answered_with_those_that_there_are(
    tmp_path: Path,
) -> None:
    path = kubeconfig_with(tmp_path, {})
    with pytest.raises(StalledError, match="no context 'nope' in .*: c, anonymous$"):
        await Kube.connect(path, context="nope", name="setpoint-test")


async def test_an_auth_provider_is_refused(tmp_path: Path) -> None:
    path = kubeconfig_with(tmp_path, {"auth-provider": {"name": "oidc"}})
    with pytest.raises(StalledError, match="auth-provider is not supported"):
        await Kube.connect(path, name="setpoint-test")


def plugin(folder: Path, script: str) -> dict[str, Any]:
    path = folder / "plugin"
    path.write_text(f"#!{sys.executable}\n{script}")
    path.chmod(0o700)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path)}}


async def test_a_credential_plugin_is_run_once_until_its_credential_expires(
    tmp_path: Path,
) -> None:
    user = plugin(
        tmp_path,
        "import json, pathlib\n"
        f"runs = pathlib.Path({str(tmp_path / 'runs')!r})\n"
        "count = len(runs.read_text()) + 1 if runs.exists() else 1\n"
        "runs.write_text('x' * count)\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1',"
        " 'kind': 'ExecCredential', 'status': {'token': f't{count}',"
        " 'expirationTimestamp': '2999-01-01T00:00:00Z'}}))\n",
    )
    kube = await Kube.connect(kubeconfig_with(tmp_path, user), name="setpoint-test")
    assert await kube.credentials.header() == "Bearer t1"
    assert await kube.credentials.header() == "Bearer t1"
    assert kube.credentials.rejected()
    assert await kube.credentials.header() == "Bearer t2"
    await kube.close()


async def test_a_credential_plugin_that_fails_does_not_leak_what_it_said(tmp_path: Path) -> None:
    user = plugin(tmp_path, "import sys; sys.exit('hunter2')")
    kube = await Kube.connect(kubeconfig_with(tmp_path, user), name="setpoint-test")
    with pytest.raises(kube_errors.Unauthorized, match="credential plugin") as caught:
        await kube.get(CONFIG_MAP, "a", "b")
    assert "hunter2" not in str(caught.value)
    await kube.close()


async def test_a_credential_plugin_that_gives_no_time_of_expiry_is_told_so(tmp_path: Path) -> None:
    user = plugin(
        tmp_path,
        "import json\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1',"
        " 'kind': 'ExecCredential', 'status': {'token': 'hunter2',"
        " 'expirationTimestamp': 'tomorrow'}}))\n",
    )
    kube = await Kube.connect(kubeconfig_with(tmp_path, user), name="setpoint-test")
    with pytest.raises(kube_errors.Unauthorized, match="expirationTimestamp"):
        await kube.get(CONFIG_MAP, "a", "b")
    await kube.close()


def test_loading_the_client_does_not_load_the_models_of_the_library(kubeconfig: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from shared.kube.session import open_access\n"
        "open_access(pathlib.Path(sys.argv[1]))\n"
        "loaded = [name for name in sys.modules if name.startswith('kubernetes_asyncio')]\n"
        "assert not any('.models' in name or '.api' in name for name in loaded), loaded\n"
        "assert 'kubernetes_asyncio' not in sys.modules\n"
        "import kubernetes_asyncio.client\n"
        "assert kubernetes_asyncio.client.CoreV1Api\n"
    )
    subprocess.run([sys.executable, "-c", script, str(kubeconfig)], check=True, timeout=60)


async def test_an_event_is_there_for_people(kube: Kube, ns: str) -> None:
    obj = await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    event = Event.model_validate(
        {
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "namespace": ns,
                "name": "web",
                "uid": obj["metadata"]["uid"],
            },
            "severity": "error",
            "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
            "message": "it is broken",
            "reason": "BuildFailed",
            "metadata": {"setpoint.dev/revision": "main@sha1:abc"},
            "reportingController": "kustomize-controller",
        }
    )
    assert await kube.record_event(event)
    (found,) = (await kube.list(EVENTS, namespace=ns, fields="involvedObject.name=web")).items
    assert (found["type"], found["reason"], found["message"]) == (
        "Warning",
        "BuildFailed",
        "it is broken",
    )
    assert found["reportingComponent"] == "kustomize-controller"
    assert found["metadata"]["annotations"] == {"setpoint.dev/revision": "main@sha1:abc"}


async def test_an_event_that_cannot_be_written_is_no_failure(
    proxied: Kube, proxy: ApiProxy
) -> None:
    event = Event.model_validate(
        {
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "X",
                "namespace": "no-such",
                "name": "a",
            },
            "severity": "info",
            "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
            "message": "m",
            "reason": "R",
            "reportingController": "c",
        }
    )
    assert not await proxied.record_event(event)
    assert proxy.count("POST", "/events$") == 1
