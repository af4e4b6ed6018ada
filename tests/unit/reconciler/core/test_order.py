from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.manifest import desired_of
from services.reconciler.core.order import apply_order, blocked_by, delete_order, stages
from tests.unit.reconciler.made import RBAC, definition, desired, key

KINDS = {
    "Namespace": "v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "ClusterRole": f"{RBAC}/v1",
    "StorageClass": "storage.k8s.io/v1",
    "ConfigMap": "v1",
    "Widget": "example.org/v1",
    "Deployment": "apps/v1",
    "ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
}
some = st.lists(
    st.builds(
        lambda kind, name: desired(kind, name, api_version=KINDS[kind]),
        st.sampled_from(sorted(KINDS)),
        st.sampled_from("abc"),
    ),
    unique_by=lambda one: one.key,
)


def kinds(found):
    return [[one.key.kind for one in stage] for stage in found]


def test_what_defines_comes_first_then_classes_then_the_rest():
    found = stages(desired(kind, "x", api_version=version) for kind, version in KINDS.items())
    assert kinds(found) == [
        ["CustomResourceDefinition", "Namespace", "ClusterRole"],
        ["StorageClass"],
        ["ConfigMap", "Deployment", "Widget", "ValidatingWebhookConfiguration"],
    ]


def test_a_custom_kind_of_the_same_name_is_no_namespace():
    assert len(stages([desired("Namespace", "a"), desired("Namespace", "b", "n", "x.org/v1")])) == 2


def test_objects_of_one_kind_are_sorted_by_namespace_and_name():
    found = apply_order(
        [desired("Secret", "a", "z"), desired("Secret", "b", "a"), desired("Secret", "a", "a")]
    )
    assert [str(one.key) for one in found] == ["Secret/a/a", "Secret/a/b", "Secret/z/a"]


@given(some, st.randoms())
def test_the_order_does_not_depend_on_the_order_of_input(found, random):
    mixed = list(found)
    random.shuffle(mixed)
    assert stages(mixed) == stages(found)
    assert sum(map(len, stages(found))) == len(found)


@given(some)
def test_deletes_are_applies_backwards(found):
    order = [one.key for one in apply_order(found)]
    assert delete_order(order) == order[::-1]


def test_an_object_waits_for_its_namespace():
    namespace, config = desired("Namespace", "n"), desired("ConfigMap", "a", "n")
    everything = {one.key: one for one in (namespace, config)}
    assert blocked_by(config, {namespace.key}, everything) == namespace.key
    other = desired("ConfigMap", "a", "other")
    assert blocked_by(other, {namespace.key}, everything) is None


def test_an_object_waits_for_the_definition_of_its_kind():
    crd = desired_of(definition())
    widget, gadget = (desired(kind, "w", "n", "example.org/v1") for kind in ("Widget", "Gadget"))
    everything = {crd.key: crd}
    assert blocked_by(widget, {crd.key}, everything) == crd.key
    assert blocked_by(gadget, {crd.key}, everything) is None


def test_nothing_else_holds_an_object_up():
    role = key("ClusterRole", "r", group=RBAC)
    assert blocked_by(desired("ConfigMap", "a", "n"), {role}, {}) is None
    assert blocked_by(desired("ConfigMap", "a", "n"), set(), {}) is None
