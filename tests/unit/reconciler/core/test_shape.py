"""Objects whose parts have another form than the API knows: each is refused alone, by its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.manifest import Preparation, prepare
from services.reconciler.core.order import defines
from services.reconciler.core.owner import Owner
from tests.unit.reconciler.made import key, obj

CRD = "apiextensions.k8s.io/v1"
junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 1), st.sampled_from(["", "x"])),
    lambda below: st.one_of(
        st.lists(below, max_size=2), st.dictionaries(st.sampled_from("ab"), below, max_size=2)
    ),
    max_leaves=4,
)
PLACES = [
    ("v1", "ConfigMap", ("metadata", "labels")),
    ("v1", "ConfigMap", ("metadata", "annotations")),
    ("v1", "Secret", ("metadata", "annotations")),
    ("v1", "Secret", ("data",)),
    ("v1", "Secret", ("stringData",)),
    ("v1", "Service", ("spec", "ports")),
    ("v1", "Pod", ("spec", "containers")),
    ("apps/v1", "Deployment", ("spec", "template", "spec")),
    (CRD, "CustomResourceDefinition", ("spec", "names")),
    (CRD, "CustomResourceDefinition", ("spec", "conversion", "webhook", "clientConfig")),
    (
        CRD,
        "CustomResourceDefinition",
        ("spec", "conversion", "webhook", "clientConfig", "caBundle"),
    ),
]


def prepared(*objects):
    owner = Owner(name="apps", namespace="flux-system")
    return prepare(objects, Preparation(owner=owner, is_namespaced=lambda *_: True))


def made(version, kind, path, value):
    found = obj(kind, "bad", "n", version)
    at = found
    for name in path[:-1]:
        at = at.setdefault(name, {})
    at[path[-1]] = value
    return found


@pytest.mark.parametrize(
    ("version", "kind", "path", "value"),
    [
        ("v1", "ConfigMap", ("metadata", "labels"), ["a"]),
        ("v1", "ConfigMap", ("metadata", "annotations"), "text"),
        ("v1", "Secret", ("stringData",), ["hunter2"]),
        ("v1", "Secret", ("data",), "hunter2"),
    ],
)
def test_a_map_that_is_none_refuses_its_object_alone_by_the_name_of_the_field(
    version, kind, path, value
):
    found = prepared(made(version, kind, path, value), obj("ConfigMap", "good", "n"))
    assert [one.key.name for one in found.desired] == ["good"]
    [refusal] = found.refused
    assert str(refusal).startswith(f"{kind}/n/bad: {'.'.join(path)} is ")
    assert "hunter2" not in str(refusal)


@given(st.sampled_from(PLACES), junk)
def test_no_form_of_one_object_keeps_another_from_being_prepared(place, value):
    found = prepared(made(*place, value), obj("ConfigMap", "good", "n"))
    assert "good" in {one.key.name for one in found.desired}
    assert len(found.desired) + len(found.refused) == 2


@given(junk)
def test_a_definition_of_any_form_defines_what_it_names_or_nothing(spec):
    assert not defines({"spec": spec}, key("Widget", "w", "n", "example.com"))
    assert not defines({"spec": {"names": spec}}, key("Widget", "w", "n", "example.com"))
