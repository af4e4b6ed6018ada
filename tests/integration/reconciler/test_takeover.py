"""
What a real API server makes of our patch of ``managedFields``.
"""

import copy

import pytest
import pytest_asyncio

from services.reconciler.core.manifest import MANAGER
from services.reconciler.core.ownership import fold
from services.reconciler.core.receipt import token_of
from shared.kube import Kube
from shared.kube.errors import Invalid

RACES = 20  # looks at an object that controllers write too, until a patch meets no other write
LIVED_BEFORE = ["kubectl-apply", "kustomize-controller", "cleared"]


@pytest_asyncio.fixture
async def kube(kubeconfig):
    client = await Kube.connect(kubeconfig, name="setpoint-test")
    yield client
    await client.close()


def deployment(namespace):
    container = {"name": "c", "image": "example.org/c:1", "env": [{"name": "A", "value": "1"}]}
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace, "labels": {"app": "web", "tier": "x"}},
        "spec": {
            "replicas": 0,
            "minReadySeconds": 5,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def reduced(obj):
    obj = copy.deepcopy(obj)
    del obj["metadata"]["labels"]["tier"]
    del obj["spec"]["minReadySeconds"]
    del obj["spec"]["template"]["spec"]["containers"][0]["env"]
    return obj


def left_over(obj):
    spec = obj["spec"]
    return {
        "tier": "tier" in obj["metadata"]["labels"],
        "minReadySeconds": bool(spec.get("minReadySeconds")),
        "env": bool(spec["template"]["spec"]["containers"][0].get("env")),
    }


async def live_before(how, kube, resource, namespaced, obj):
    match how:
        case "kubectl-apply":
            namespaced("apply", "--filename=-", stdin=obj)
        case "kustomize-controller":
            await kube.apply(resource, obj, manager="kustomize-controller")
        case "cleared":
            await kube.apply(resource, obj, manager=MANAGER)
            nobody = {"metadata": {"managedFields": [{}]}}
            name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
            await kube.merge_patch(resource, namespace, name, nobody, manager="somebody")


async def take_over(kube, resource, obj):
    """Return the answer to our apply, and to the patch that follows from it."""
    answer = found = await kube.apply(resource, obj, manager=MANAGER)
    name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
    for _ in range(RACES):
        operations = fold(found)
        assert operations is not None
        try:
            folded = await kube.json_patch(resource, namespace, name, operations, manager=MANAGER)
        except Invalid:
            # The deployment controller wrote since: the patch is for what we saw, so look again.
            found = await kube.get(resource, namespace, name)
        else:
            return answer, folded
    raise AssertionError(f"{RACES} patches met another write each")


@pytest.mark.parametrize("how", LIVED_BEFORE)
async def test_a_field_removed_from_git_goes_after_a_take_over(how, kube, namespaced):
    obj = deployment(namespaced.namespace)
    resource = await kube.resource("apps", "Deployment")
    await live_before(how, kube, resource, namespaced, obj)
    await take_over(kube, resource, obj)
    after = await kube.apply(resource, reduced(obj), manager=MANAGER)
    assert left_over(after) == {"tier": False, "minReadySeconds": False, "env": False}


@pytest.mark.parametrize("how", LIVED_BEFORE)
async def test_without_a_take_over_a_removed_field_would_stay(how, kube, namespaced):
    obj = deployment(namespaced.namespace)
    resource = await kube.resource("apps", "Deployment")
    await live_before(how, kube, resource, namespaced, obj)
    await kube.apply(resource, obj, manager=MANAGER)
    after = await kube.apply(resource, reduced(obj), manager=MANAGER)
    assert left_over(after)["tier"]


@pytest.mark.parametrize("how", LIVED_BEFORE)
async def test_a_take_over_changes_no_value_and_is_done_once(how, kube, namespaced):
    obj = deployment(namespaced.namespace)
    resource = await kube.resource("apps", "Deployment")
    await live_before(how, kube, resource, namespaced, obj)
    answer, folded = await take_over(kube, resource, obj)
    assert folded["spec"] == answer["spec"]
    assert token_of(folded) == token_of(answer)
    assert fold(folded) is None
    annotations = folded["metadata"].get("annotations") or {}
    assert "kubectl.kubernetes.io/last-applied-configuration" not in annotations
    again = await kube.apply(resource, obj, manager=MANAGER)
    assert (again["spec"], token_of(again)) == (folded["spec"], token_of(folded))


async def test_a_patch_for_an_older_state_of_the_object_is_refused(kube, namespaced):
    obj = deployment(namespaced.namespace)
    resource = await kube.resource("apps", "Deployment")
    await kube.apply(resource, obj, manager="kustomize-controller")
    answer = await kube.apply(resource, obj, manager=MANAGER)
    namespaced("label", "deployment/web", "seen=later")
    with pytest.raises(Invalid):
        await kube.json_patch(resource, namespaced.namespace, "web", fold(answer), manager=MANAGER)
