"""Reading and writing objects of a real API server."""

import asyncio
import secrets

import pytest

from shared.errors import StalledError
from shared.kube import Kube
from shared.kube import errors as kube_errors
from shared.kube.resource import Resource
from tests.fixtures.api_proxy import Answer, ApiProxy, status
from tests.fixtures.kube_objects import (
    CONFIG_MAP,
    CRD,
    DEPLOYMENT,
    NAMESPACE,
    SECRET,
    config_map,
    definition,
    deployment,
)


async def test_an_apply_that_changes_nothing_keeps_the_resource_version(
    kube: Kube, ns: str
) -> None:
    first = await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    second = await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    third = await kube.apply(CONFIG_MAP, config_map(ns, a="2"), manager="setpoint")
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert third["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    assert third["metadata"]["managedFields"][0]["manager"] == "setpoint"


async def test_a_dry_run_answers_as_if_and_leaves_nothing(kube: Kube, ns: str) -> None:
    answer = await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint", dry_run=True)
    assert answer["data"] == {"a": "1"}
    assert await kube.get(CONFIG_MAP, ns, "web") is None


async def test_fields_of_another_manager_are_taken_only_by_force(kube: Kube, ns: str) -> None:
    await kube.apply(CONFIG_MAP, config_map(ns), manager="somebody")
    with pytest.raises(kube_errors.FieldConflict) as caught:
        await kube.apply(CONFIG_MAP, config_map(ns, a="2"), manager="setpoint", force=False)
    assert caught.value.causes[0].field == ".data.a"
    assert "somebody" in caught.value.causes[0].message
    forced = await kube.apply(CONFIG_MAP, config_map(ns, a="2"), manager="setpoint")
    assert forced["data"] == {"a": "2"}


async def test_creating_twice_says_that_it_is_there(kube: Kube, ns: str) -> None:
    await kube.create(CONFIG_MAP, config_map(ns))
    with pytest.raises(kube_errors.AlreadyExists):
        await kube.create(CONFIG_MAP, config_map(ns))


async def test_a_status_is_written_only_on_the_version_that_was_read(kube: Kube, ns: str) -> None:
    seen = await kube.apply(DEPLOYMENT, deployment(ns), manager="setpoint")
    status = {"conditions": [], "collisionCount": 1}
    await kube.merge_patch(
        DEPLOYMENT, ns, "web", {"metadata": {"labels": {"x": "y"}}}, manager="somebody"
    )
    with pytest.raises(kube_errors.Conflict):
        await kube.patch_status(
            DEPLOYMENT,
            ns,
            "web",
            status,
            manager="setpoint",
            resource_version=seen["metadata"]["resourceVersion"],
        )
    written = await kube.patch_status(DEPLOYMENT, ns, "web", status, manager="setpoint")
    assert written["status"]["collisionCount"] == 1


async def test_a_json_patch_with_a_failed_test_changes_nothing(kube: Kube, ns: str) -> None:
    await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    ops = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "2"},
    ]
    with pytest.raises(kube_errors.KubeError):
        await kube.json_patch(CONFIG_MAP, ns, "web", ops, manager="setpoint")
    found = await kube.get(CONFIG_MAP, ns, "web")
    assert found is not None
    assert found["data"] == {"a": "1"}
    done = await kube.json_patch(CONFIG_MAP, ns, "web", ops[1:], manager="setpoint")
    assert done["data"] == {"a": "2"}


async def test_a_delete_spares_another_object_and_a_newer_version(kube: Kube, ns: str) -> None:
    first = await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    uid, version = first["metadata"]["uid"], first["metadata"]["resourceVersion"]
    with pytest.raises(kube_errors.Conflict):
        await kube.delete(CONFIG_MAP, ns, "web", uid="another")
    await kube.apply(CONFIG_MAP, config_map(ns, a="2"), manager="setpoint")
    with pytest.raises(kube_errors.Conflict):
        await kube.delete(CONFIG_MAP, ns, "web", uid=uid, resource_version=version)
    assert await kube.get(CONFIG_MAP, ns, "web") is not None
    assert await kube.delete(CONFIG_MAP, ns, "web", uid=uid)
    assert not await kube.delete(CONFIG_MAP, ns, "web", uid=uid)


async def test_a_missing_kind_is_never_a_missing_object(kube: Kube, ns: str) -> None:
    nowhere = Resource(group="no.example", version="v1", plural="foos", kind="Foo", namespaced=True)
    obsolete = Resource(group="", version="v1", plural="foos", kind="Foo", namespaced=True)
    for resource in (nowhere, obsolete):
        with pytest.raises(kube_errors.KindNotServed):
            await kube.get(resource, ns, "web")
        with pytest.raises(kube_errors.KindNotServed):
            await kube.delete(resource, ns, "web")
        with pytest.raises(kube_errors.KindNotServed):
            await kube.list(resource)


async def test_a_missing_namespace_and_a_terminating_one_are_told_apart(kube: Kube) -> None:
    name = f"test-kube-{secrets.token_hex(4)}"
    with pytest.raises(kube_errors.NamespaceMissing):
        await kube.apply(CONFIG_MAP, config_map(name), manager="setpoint")
    await kube.create(
        NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    )
    holder = config_map(name, "holder")
    holder["metadata"]["finalizers"] = ["example.com/hold"]
    await kube.apply(CONFIG_MAP, holder, manager="setpoint")
    await kube.delete(NAMESPACE, "", name)
    try:
        with pytest.raises(kube_errors.NamespaceTerminating):
            await kube.apply(CONFIG_MAP, config_map(name), manager="setpoint")
    finally:
        await kube.merge_patch(
            CONFIG_MAP, name, "holder", {"metadata": {"finalizers": None}}, manager="setpoint"
        )


async def test_an_invalid_object_names_its_field(kube: Kube, ns: str) -> None:
    with pytest.raises(kube_errors.Invalid) as caught:
        await kube.apply(CONFIG_MAP, config_map(ns, **{"a b": "c"}), manager="setpoint")
    assert caught.value.causes[0].field == "data[a b]"
    assert isinstance(caught.value, StalledError)


async def test_an_invalid_secret_shows_nothing_of_its_value(kube: Kube, ns: str) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": ns},
        "data": {"hunter2 key": "aHVudGVyMg=="},
        "type": "kubernetes.io/tls",
    }
    with pytest.raises(kube_errors.Invalid) as caught:
        await kube.apply(SECRET, secret, manager="setpoint")
    assert "data[tls.crt]" in caught.value.message
    broken = {**secret, "data": {"k": "hunter2!"}}
    with pytest.raises(kube_errors.KubeError) as other:
        await kube.apply(SECRET, broken, manager="setpoint")
    for error in (caught.value, other.value):
        assert "hunter2!" not in f"{error} {error.causes} {error.details}"


async def test_a_full_quota_says_so(kube: Kube, ns: str) -> None:
    quotas = await kube.resource("", "ResourceQuota")
    await kube.create(
        quotas,
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "q", "namespace": ns},
            "spec": {"hard": {"count/configmaps": "0"}},
        },
    )

    async def fill() -> None:
        async with asyncio.timeout(20):  # the quota controller has to see the quota first
            for number in range(10_000):
                await kube.apply(CONFIG_MAP, config_map(ns, f"c{number}"), manager="setpoint")

    with pytest.raises(kube_errors.QuotaExceeded):
        await fill()


async def test_an_object_over_the_limit_is_too_large(kube: Kube, ns: str) -> None:
    with pytest.raises(kube_errors.TooLarge):
        await kube.apply(CONFIG_MAP, config_map(ns, a="x" * 4_000_000), manager="setpoint")


async def test_a_list_is_read_page_by_page(
    kube: Kube, proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(501):
            group.create_task(
                kube.apply(CONFIG_MAP, config_map(ns, f"c{number}"), manager="setpoint")
            )
    listing = await proxied.list(CONFIG_MAP, namespace=ns, labels="app")
    assert len({item["metadata"]["name"] for item in listing.items}) == 501
    assert {(item["apiVersion"], item["kind"]) for item in listing.items} == {("v1", "ConfigMap")}
    assert int(listing.resource_version) > 0
    assert proxy.count("GET", "/configmaps$") == 2


async def test_a_list_whose_continue_token_expired_begins_again(
    kube: Kube, proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(501):
            group.create_task(
                kube.apply(CONFIG_MAP, config_map(ns, f"c{number}"), manager="setpoint")
            )
    proxy.fail(Answer(status=410, body=status(410, "Expired", "too old")), query="continue=")
    listing = await proxied.list(CONFIG_MAP, namespace=ns, labels="app")
    assert len({item["metadata"]["name"] for item in listing.items}) == 501
    assert len(listing.items) == 501


async def test_metadata_only_leaves_the_rest_out(kube: Kube, ns: str) -> None:
    await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    listing = await kube.list(
        CONFIG_MAP, namespace=ns, fields="metadata.name=web", metadata_only=True
    )
    (item,) = listing.items
    assert item["metadata"]["labels"] == {"app": "web"}
    assert item["kind"] == "ConfigMap"
    assert "data" not in item


async def test_a_kind_just_defined_is_found_and_one_removed_is_forgotten(
    kube: Kube, ns: str
) -> None:
    group = f"g{secrets.token_hex(4)}.example.com"
    with pytest.raises(kube_errors.KindNotServed):
        await kube.resource(group, "Foo")
    await kube.apply(CRD, definition(group, "foos", "Foo"), manager="setpoint")
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    resource = await kube.resource(group, "Foo")
                    break
                except kube_errors.KindNotServed:  # the server needs a moment; each look waits 1 s
                    continue
        assert resource.has_status
        assert resource.namespaced
        with pytest.raises(kube_errors.KindNotServed, match="it is served as v1"):
            await kube.resource(group, "Foo", "v2")
        foo = {
            "apiVersion": f"{group}/v1",
            "kind": "Foo",
            "metadata": {"name": "a.b", "namespace": ns},
        }
        async with asyncio.timeout(20):
            while True:
                try:
                    await kube.apply(resource, foo, manager="setpoint")
                    break
                except kube_errors.KubeError as exc:
                    assert not isinstance(exc, StalledError)  # noqa: PT017 - any number of these
    finally:
        await kube.delete(CRD, "", f"foos.{group}")
    async with asyncio.timeout(20):
        while True:
            try:
                await kube.list(resource, namespace=ns)
            except kube_errors.KindNotServed:
                break
    with pytest.raises(kube_errors.KindNotServed):
        await kube.resource(group, "Foo")


async def test_many_callers_for_an_unknown_kind_share_their_looks(
    proxied: Kube, proxy: ApiProxy
) -> None:
    await asyncio.gather(
        *(proxied.resource("none.example", "Foo") for _ in range(20)), return_exceptions=True
    )
    # The first caller's look, and one that began after all the others had asked.
    assert proxy.count("GET", "^/apis$") == 2


async def test_ping_asks_the_api_server(kube: Kube, proxied: Kube, proxy: ApiProxy) -> None:
    await kube.ping()
    await proxied.ping()
    assert proxy.count("GET", "^/readyz$") == 1
