"""Paths and selections in the URLs of the API server."""

import pytest

from shared.kube.errors import Invalid
from shared.kube.resource import Resource, query

CONFIG_MAP = Resource(
    group="", version="v1", plural="configmaps", kind="ConfigMap", namespaced=True
)
ROLE = Resource(
    group="rbac.authorization.k8s.io",
    version="v1",
    plural="clusterroles",
    kind="ClusterRole",
    namespaced=False,
)


def test_the_core_group_has_a_root_of_its_own() -> None:
    assert CONFIG_MAP.path("shop", "web") == "/api/v1/namespaces/shop/configmaps/web"
    assert CONFIG_MAP.api_version == "v1"


def test_objects_of_the_cluster_have_no_namespace_in_their_path() -> None:
    assert ROLE.path("ignored", "a") == "/apis/rbac.authorization.k8s.io/v1/clusterroles/a"
    assert ROLE.api_version == "rbac.authorization.k8s.io/v1"


def test_a_subresource_follows_the_name() -> None:
    assert CONFIG_MAP.path("shop", "web", "status").endswith("/configmaps/web/status")


def test_names_with_dots_and_colons_keep_their_meaning() -> None:
    assert ROLE.path("", "system:node.admin").endswith("/system%3Anode.admin")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2fb", "../../secrets/x"])
def test_a_name_cannot_lead_to_another_path(name: str) -> None:
    with pytest.raises(Invalid):
        CONFIG_MAP.path("shop", name)
    if name:
        with pytest.raises(Invalid):
            CONFIG_MAP.path(name, "web")


def test_an_object_without_its_namespace_is_refused_in_words() -> None:
    with pytest.raises(Invalid, match="ConfigMap/web: namespace not specified"):
        CONFIG_MAP.path("", "web")


def test_a_collection_may_span_all_namespaces() -> None:
    assert CONFIG_MAP.collection() == "/api/v1/configmaps"
    assert CONFIG_MAP.collection("shop") == "/api/v1/namespaces/shop/configmaps"


def test_selectors_are_escaped_and_empty_ones_left_out() -> None:
    assert query(labelSelector="a/b in (c,d),!e", fieldSelector="", limit="500") == (
        "labelSelector=a%2Fb%20in%20%28c%2Cd%29%2C%21e&limit=500"
    )


def test_only_secrets_of_the_core_group_are_secrets() -> None:
    own = Resource(
        group="x.example", version="v1", plural="secrets", kind="Secret", namespaced=True
    )
    core = Resource(group="", version="v1", plural="secrets", kind="Secret", namespaced=True)
    assert core.target("get", "a", "b").secret
    assert not own.target("get", "a", "b").secret
