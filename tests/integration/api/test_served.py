import re
from pathlib import Path

import pytest
import yaml

from shared.api import KINDS, kind_info
from tests.integration.api.refusals import GOOD

COMPLETE = Path(__file__).parent / "complete"
PAGES = Path(__file__).parents[3] / "docs" / "spec"
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Succeeded",
    "message": "all is well",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


def object_of(kind, spec, name):
    info = kind_info(kind)
    meta = {"name": name}
    return {"apiVersion": info.api_version, "kind": kind, "metadata": meta, "spec": spec}


def create(server, namespace, kind, name, **spec):
    data = object_of(kind, {**GOOD[kind], **spec}, name)
    code, answer = server.create(kind_info(kind), namespace, data)
    assert code == 201, answer["message"]
    return answer


def fetch(server, namespace, info, name):
    code, answer = server.request("GET", f"{server.collection(info, namespace)}/{name}")
    assert code == 200, answer["message"]
    return answer


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_a_definition_is_accepted_structural_and_established(info, server):
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{info.crd_name}"
    _, answer = server.request("GET", path)
    conditions = {item["type"]: item["status"] for item in answer["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions
    assert answer["status"]["storedVersions"] == [info.version]


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_an_object_with_every_field_is_stored_whole_and_read_back_as_the_same(
    info, server, namespace
):
    data = yaml.safe_load((COMPLETE / f"{info.plural}.yaml").read_text())
    code, answer = server.create(info, namespace, data)
    assert code == 201, answer["message"]
    code, answer = server.write_status(info, namespace, "complete", data["status"])
    assert code == 200, answer["message"]
    stored = fetch(server, namespace, info, "complete")
    read = info.model.read(stored)
    assert read.to_json()["spec"] == data["spec"] == stored["spec"]
    assert read.to_json()["status"] == data["status"] == stored["status"]


def test_two_ways_to_name_a_cluster_and_a_secret_for_a_receiver_are_accepted(server, namespace):
    create(
        server,
        namespace,
        "Kustomization",
        "by-identity",
        kubeConfig={"configMapRef": {"name": "north"}},
    )
    create(server, namespace, "Receiver", "by-token", secretRef={"name": "token"})


@pytest.mark.parametrize(
    ("kind", "spec", "path", "value"),
    [
        ("GitRepository", {}, ("timeout",), "60s"),
        ("GitRepository", {"verify": {"secretRef": {"name": "k"}}}, ("verify", "mode"), "HEAD"),
        ("Kustomization", {}, ("force",), False),
        (
            "Kustomization",
            {"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "v"}]}},
            ("postBuild", "substituteFrom", 0, "optional"),
            False,
        ),
        ("Alert", {}, ("eventSeverity",), "info"),
        ("Receiver", {}, ("interval",), "10m"),
    ],
)
def test_a_default_is_filled_in(kind, spec, path, value, server, namespace):
    name = f"default-{'-'.join(map(str, path)).lower()}-{kind.lower()}"
    found = create(server, namespace, kind, name, **spec)["spec"]
    for key in path:
        found = found[key]
    assert found == value


@pytest.mark.parametrize("kind", GOOD)
def test_nothing_else_is_filled_in(kind, server, namespace):
    filled = {
        "GitRepository": {"timeout": "60s"},
        "Kustomization": {"force": False},
        "Alert": {"eventSeverity": "info"},
        "Provider": {},
        "Receiver": {"interval": "10m"},
    }
    answer = create(server, namespace, kind, f"plain-{kind.lower()}")
    assert answer["spec"] == {**GOOD[kind], **filled[kind]}
    assert kind_info(kind).model.read(answer).spec is not None


@pytest.mark.parametrize("kind", GOOD)
def test_a_new_object_has_the_status_of_one_that_nobody_looked_at(kind, server, namespace):
    info = kind_info(kind)
    name = f"new-{kind.lower()}"
    data = object_of(kind, GOOD[kind], name)
    # What a client says about the status of an object that it creates does not count.
    server.create(info, namespace, {**data, "status": {"observedGeneration": 7}})
    stored = fetch(server, namespace, info, name)
    assert stored.get("status", {}) == dict(info.status_default)
    if kind in {"GitRepository", "Kustomization", "Receiver"}:
        assert info.model.read(stored).status.observed_generation == -1


@pytest.mark.parametrize("kind", GOOD)
def test_a_status_write_changes_no_spec_and_no_generation(kind, server, namespace):
    info = kind_info(kind)
    name = f"status-{kind.lower()}"
    before = create(server, namespace, kind, name)
    body = {"spec": {"suspend": True}, "status": {"conditions": [READY], "observedGeneration": 1}}
    path = f"{server.collection(info, namespace)}/{name}/status"
    code, after = server.request("PATCH", path, body, "application/merge-patch+json")
    assert code == 200
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"] == 1
    assert after["status"]["conditions"] == [READY]
    path = f"{server.collection(info, namespace)}/{name}"
    code, suspended = server.request("PATCH", path, body, "application/merge-patch+json")
    assert suspended["metadata"]["generation"] == 2
    assert suspended["status"] == after["status"]


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_kubectl_shows_the_columns_of_the_kind(info, server, namespace):
    name = f"columns-{info.kind.lower()}"
    create(server, namespace, info.kind, name)
    server.write_status(info, namespace, name, {"conditions": [READY]})
    header, row = server.kubectl(
        "get", f"{info.plural}.{info.group}", name, f"--namespace={namespace}"
    ).splitlines()
    columns = {
        "GitRepository": ["NAME", "URL", "AGE", "READY", "STATUS"],
        "Kustomization": ["NAME", "AGE", "READY", "STATUS"],
        "Alert": ["NAME", "AGE", "READY", "STATUS"],
        "Provider": ["NAME", "AGE", "READY", "STATUS"],
        "Receiver": ["NAME", "AGE", "READY", "STATUS"],
    }[info.kind]
    assert header.split() == columns
    url = ["https://git.example/team/app"] if info.kind == "GitRepository" else []
    first, *rest = row.split(maxsplit=len(columns) - 1)
    assert [first, *rest[:-3]] == [name, *url]
    assert rest[-3].rstrip("s").isdigit()
    assert rest[-2:] == ["True", "all is well"]


@pytest.mark.parametrize(("short", "kind"), [("gitrepo", "GitRepository"), ("ks", "Kustomization")])
def test_kubectl_knows_the_short_name(short, kind, server, namespace):
    name = f"short-{short}"
    create(server, namespace, kind, name)
    found = server.kubectl("get", short, name, f"--namespace={namespace}", "--output=name")
    assert found.strip() == f"{kind.lower()}.{kind_info(kind).group}/{name}"


@pytest.mark.parametrize(
    ("category", "kinds"),
    [
        ("fluxcd", set(GOOD)),
        ("all", set(GOOD)),
        ("fluxcd-sources", {"GitRepository"}),
        ("fluxcd-appliers", {"Kustomization"}),
        ("fluxcd-notifications", {"Alert", "Provider", "Receiver"}),
    ],
)
def test_kubectl_finds_the_kinds_of_a_category(category, kinds, server, namespace):
    tag = f"category-{category}"
    for kind in GOOD:
        create(server, namespace, kind, tag)
    found = server.kubectl("get", category, f"--namespace={namespace}", "--output=name").split()
    ours = {line.split("/")[0] for line in found if line.endswith(f"/{tag}")}
    assert ours == {f"{kind.lower()}.{kind_info(kind).group}" for kind in kinds}


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_the_api_server_accepts_the_example_of_the_page(info, server, namespace):
    page = (PAGES / f"{info.kind.lower()}.md").read_text()
    data = yaml.safe_load(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1])
    data["metadata"].pop("namespace")
    code, answer = server.create(info, namespace, data, dry_run=True)
    assert code == 201, answer["message"]
