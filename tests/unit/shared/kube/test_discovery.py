"""Reading aggregated discovery, as a real API server writes it."""

import asyncio

from shared.kube.discovery import Discovery, parse
from shared.kube.resource import Resource

GROUPS = {
    "kind": "APIGroupDiscoveryList",
    "apiVersion": "apidiscovery.k8s.io/v2",
    "items": [
        {
            "metadata": {"name": "apps"},
            "versions": [
                {
                    "version": "v1",
                    "resources": [
                        {
                            "resource": "deployments",
                            "responseKind": {
                                "group": "apps",
                                "version": "v1",
                                "kind": "Deployment",
                            },
                            "scope": "Namespaced",
                            "singularResource": "deployment",
                            "verbs": ["get", "list", "patch", "watch"],
                            "subresources": [
                                {
                                    "subresource": "scale",
                                    "responseKind": {
                                        "group": "autoscaling",
                                        "version": "v1",
                                        "kind": "Scale",
                                    },
                                    "verbs": ["get"],
                                },
                                {"subresource": "status", "responseKind": {}, "verbs": ["get"]},
                            ],
                        },
                    ],
                    "freshness": "Current",
                }
            ],
        },
        {
            "metadata": {"name": "broken.example.com"},
            "versions": [{"version": "v1", "freshness": "Stale"}],
        },
        {
            "metadata": {"name": "x.example.com"},
            "versions": [
                {
                    "version": version,
                    "resources": [
                        {
                            "resource": "foos",
                            "responseKind": {"kind": "Foo"},
                            "scope": "Cluster",
                            "verbs": ["get"],
                        },
                        {"resource": "nothing", "responseKind": None, "scope": "Cluster"},
                    ],
                }
                for version in ("v2", "v1")
            ],
        },
    ],
}


def test_kinds_come_in_the_servers_order_with_scope_verbs_and_status() -> None:
    deployment, newest, older = parse(GROUPS)
    assert deployment == Resource(
        group="apps",
        version="v1",
        plural="deployments",
        kind="Deployment",
        namespaced=True,
        verbs=frozenset({"get", "list", "patch", "watch"}),
        has_status=True,
    )
    assert (newest.version, older.version) == ("v2", "v1")
    assert not newest.namespaced
    assert not newest.has_status


def test_the_core_group_has_an_empty_name() -> None:
    core = {"items": [{"metadata": {}, "versions": GROUPS["items"][0]["versions"]}]}  # type: ignore[index]
    assert [resource.group for resource in parse(core)] == [""]


class Requests:
    def __init__(self) -> None:
        self.paths: list[str] = []

    async def json(self, call):  # type: ignore[no-untyped-def]
        self.paths.append(call.path)
        await asyncio.sleep(0)
        return GROUPS


async def test_all_who_ask_at_once_share_one_look() -> None:
    requests = Requests()
    discovery = Discovery(requests)  # type: ignore[arg-type]
    asked = [("apps", "Deployment"), ("x.example.com", "Foo"), ("apps", "Deployment")]
    found = await asyncio.gather(*(discovery.find(*kind) for kind in asked))
    assert [one.kind for one in found] == ["Deployment", "Foo", "Deployment"]
    assert requests.paths == ["/api", "/apis"]
