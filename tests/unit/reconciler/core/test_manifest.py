import base64
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.manifest import (
    Preparation,
    digest_of,
    key_of,
    prepare,
    render_digest,
)
from services.reconciler.core.owner import Owner
from tests.unit.reconciler.made import definition, desired, key, obj

OWNER = Owner(name="apps", namespace="flux-system")
CLUSTER = {"Namespace", "ClusterRole", "CustomResourceDefinition"}
UNKNOWN = {"Widget"}


def scope(wanted, _version):
    return None if wanted.kind in UNKNOWN else wanted.kind not in CLUSTER


def prepared(*objects, **options):
    values = {"owner": OWNER, "is_namespaced": scope, "secret_key": b"k"} | options
    return prepare(objects, Preparation(**values))


def only(*objects, **options):
    result = prepared(*objects, **options)
    assert result.refused == ()
    [one] = result.desired
    return one.object


def refusal(*objects, **options):
    [one] = prepared(*objects, **options).refused
    return str(one)


def test_every_object_carries_the_labels_of_its_owner():
    found = only(obj("ConfigMap", "a", "n", metadata={"labels": {"x": "1"}}))
    assert found["metadata"]["labels"] == {
        "x": "1",
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }


def test_common_metadata_go_over_everything_even_the_owner():
    common = {
        "labels": {"x": "2", "kustomize.toolkit.fluxcd.io/name": "mine"},
        "annotations": {"a": "b"},
    }
    found = only(
        obj("ConfigMap", "a", "n", metadata={"labels": {"x": "1"}}), common_metadata=common
    )
    assert found["metadata"]["labels"]["x"] == "2"
    assert found["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "mine"
    assert found["metadata"]["annotations"] == {"a": "b"}


def test_what_the_server_sets_is_not_sent_back():
    server = {
        "uid": "u",
        "resourceVersion": "1",
        "managedFields": [{}],
        "creationTimestamp": None,
        "generation": 3,
    }
    found = only(obj("ConfigMap", "a", "n", metadata=server, status={"x": 1}))
    assert set(found["metadata"]) == {"name", "namespace", "labels"}
    assert "status" not in found


def test_plain_values_of_secrets_become_data_and_win_over_it():
    secret = obj("Secret", "s", "n", data={"a": "b2xk", "b": "a2VlcA=="}, stringData={"a": "néw"})
    found = only(secret)
    assert "stringData" not in found
    assert base64.b64decode(found["data"]["a"]).decode() == "néw"
    assert found["data"]["b"] == "a2VlcA=="


def test_a_secret_value_that_is_no_text_is_refused_by_its_name_alone():
    text = refusal(obj("Secret", "s", "n", stringData={"pin": 123456}))
    assert "stringData[pin] is not a string" in text
    assert "123456" not in text


def test_an_encrypted_secret_is_refused_unless_it_says_that_it_is_not():
    secret = obj("Secret", "s", "n", sops={"mac": "x"})
    assert refusal(secret) == (
        "Secret/n/s: Secret/n/s is SOPS encrypted, configuring decryption is required for this"
        " secret to be reconciled"
    )
    opted = {"annotations": {"kustomize.toolkit.fluxcd.io/decrypt": "Disabled"}}
    assert only(obj("Secret", "s", "n", sops={}, metadata=opted))["sops"] == {}


def test_a_namespaced_object_without_a_namespace_is_refused():
    assert "ConfigMap/a: namespace not specified" in refusal(obj("ConfigMap", "a"))


def test_a_target_namespace_is_for_objects_without_one():
    assert only(obj("ConfigMap", "a"), target_namespace="t")["metadata"]["namespace"] == "t"
    assert only(obj("ConfigMap", "a", "n"), target_namespace="t")["metadata"]["namespace"] == "n"


def test_objects_of_the_cluster_lose_a_namespace_that_a_build_gave_them():
    assert "namespace" not in only(obj("Namespace", "a", "n"), target_namespace="t")["metadata"]


def test_the_scope_of_a_kind_is_known_from_its_definition_in_the_same_revision():
    result = prepared(definition(scope="Cluster"), obj("Widget", "w", "n", "example.org/v1"))
    assert [one.key.namespace for one in result.desired] == ["", ""]
    assert "namespace not specified" in refusal(
        definition(scope="Namespaced"), obj("Widget", "w", "", "example.org/v1")
    )


def test_a_kind_that_nobody_serves_goes_as_it_is():
    widget = obj("Widget", "w", "n", "example.org/v1")
    assert only(widget)["metadata"]["namespace"] == "n"


def test_an_object_that_is_declared_twice_is_refused_once():
    result = prepared(obj("ConfigMap", "a", "n"), obj("ConfigMap", "a", "n", data={"x": "1"}))
    assert [one.key for one in result.desired] == [key("ConfigMap", "a", "n")]
    assert "more than once" in str(result.refused[0])


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"kind": "X", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "X", "metadata": {}},
        {"apiVersion": "v1", "kind": "X", "metadata": "x"},
        {"apiVersion": "v1", "kind": "X", "metadata": {"generateName": "a-"}},
    ],
)
def test_an_object_without_identity_is_refused_alone(broken):
    result = prepared(broken, obj("ConfigMap", "a", "n"))
    assert len(result.desired) == 1
    assert "needs apiVersion, kind and metadata.name" in str(result.refused[0])


def test_ports_get_the_protocol_that_is_part_of_their_key():
    service = only(
        obj("Service", "s", "n", spec={"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]})
    )
    assert [one["protocol"] for one in service["spec"]["ports"]] == ["TCP", "UDP"]
    pod = {"containers": [{"name": "c", "ports": [{"containerPort": 80}]}]}
    cron = obj(
        "CronJob",
        "c",
        "n",
        "batch/v1",
        spec={"jobTemplate": {"spec": {"template": {"spec": pod}}}},
    )
    inner = only(cron)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    assert inner["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_only_an_empty_bundle_of_a_definition_is_dropped():
    def converting(bundle):
        crd = definition()
        crd["spec"]["conversion"] = {"webhook": {"clientConfig": {"caBundle": bundle}}}
        return only(crd)["spec"]["conversion"]["webhook"]["clientConfig"]

    assert converting("Cg==") == {}
    assert converting("LS0tLS1CRUdJTg==") == {"caBundle": "LS0tLS1CRUdJTg=="}


def test_what_was_rendered_is_not_changed():
    source = obj("Secret", "s", "n", stringData={"a": "b"}, status={}, metadata={"uid": "u"})
    before = copy.deepcopy(source)
    prepared(source, common_metadata={"labels": {"a": "b"}})
    assert source == before


def test_the_key_names_group_kind_namespace_and_name():
    found = key_of(obj("Deployment", "a.b", "n", "apps/v1"))
    assert found == key("Deployment", "a.b", "n", "apps")
    assert key_of(obj("ConfigMap", "a", "n")).group == ""


@given(st.dictionaries(st.text(max_size=3), st.integers(-9, 9), max_size=5), st.randoms())
def test_a_digest_does_not_depend_on_the_order_of_fields(data, random):
    shuffled = list(data.items())
    random.shuffle(shuffled)
    one = obj("ConfigMap", "a", "n", data=data)
    assert digest_of(one) == digest_of({**dict(reversed(one.items())), "data": dict(shuffled)})


def test_the_digest_of_a_secret_needs_the_key_to_be_guessed():
    secret = obj("Secret", "s", "n", data={"a": "b"})
    assert digest_of(secret, b"one") != digest_of(secret, b"two")
    config = obj("ConfigMap", "s", "n", data={"a": "b"})
    assert digest_of(config, b"one") == digest_of(config, b"two")


def test_one_digest_stands_for_all_objects_in_any_order():
    one, two = desired("ConfigMap", "a", "n"), desired("ConfigMap", "b", "n")
    assert render_digest([one, two]) == render_digest([two, one])
    assert render_digest([one]) != render_digest([one, two])
    assert render_digest([]).startswith("sha256:")


@pytest.mark.parametrize("depth", [300, 5000])
def test_an_object_that_is_nested_too_deeply_is_refused_alone(depth):
    deep = {}
    for _ in range(depth):
        deep = {"a": deep}
    result = prepared(obj("ConfigMap", "deep", "ns", data=deep), obj("ConfigMap", "flat", "ns"))
    assert [one.key.name for one in result.desired] == ["flat"]
    assert [(one.key.name, one.message) for one in result.refused] == [
        ("deep", "is nested too deeply; flatten it")
    ]


@pytest.mark.parametrize("name", ["a__b", "a_:b"])
def test_a_name_that_the_inventory_would_read_as_another_is_refused(name):
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    result = prepared({**role, "metadata": {"name": name}})
    assert result.desired == ()
    assert "rename it" in result.refused[0].message
