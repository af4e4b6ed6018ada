"""Reading aggregated discovery, as a real API server writes it."""

from shared.kube.discovery import parse
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
