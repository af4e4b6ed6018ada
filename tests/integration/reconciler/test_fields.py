"""Fields of a Kustomization show in the cluster; an object's own wishes are heard."""

import pytest

from tests.fixtures.reconciler import KS, config, workload

COMPONENT = """
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
labels:
  - pairs: {component: there}
"""


def patch(path, value, **target):
    return {"target": target, "patch": f"- op: add\n  path: {path}\n  value: '{value}'\n"}


async def test_what_a_declaration_says_shows_in_what_is_applied(rec):
    web = workload("web", "elsewhere", image="web")
    web["metadata"] |= {"annotations": {"team": "a"}}
    side = {"name": "side", "image": "side"}
    web["spec"]["template"]["spec"]["containers"].append(side)
    plain = {**config("plain", "elsewhere"), "metadata": {"name": "plain"}}
    rec.start()
    revision = await rec.push({"app/a.yaml": [web, plain], "part/kustomization.yaml": COMPONENT})
    at = "/metadata/annotations"
    rec.declare(
        path="./app",
        targetNamespace=rec.ns,
        commonMetadata={"labels": {"common": "l"}, "annotations": {"common": "a"}},
        namePrefix="a-",
        nameSuffix="-z",
        components=["../part", "../absent"],
        ignoreMissingComponents=True,
        buildMetadata=["originAnnotations"],
        images=[
            {"name": "web", "newName": "registry.example/web", "newTag": "2"},
            {"name": "side", "digest": f"sha256:{'c' * 64}"},
        ],
        patches=[
            {"patch": "{apiVersion: v1, kind: ConfigMap, metadata: {name: plain}, data: {p: q}}"},
            patch(f"{at}/kind", "y", kind="Deploy.*", name="we.", namespace="elsewhere"),
            patch(f"{at}/group", "y", group="apps", version="v1"),
            patch(f"{at}/label", "y", labelSelector="app=web", annotationSelector="team=a"),
            patch(f"{at}/nobody", "y", group="batch"),
            patch(f"{at}/nobody", "y", labelSelector="app=other"),
            patch(f"{at}/nobody", "y", version="v2"),
            patch(f"{at}/nobody", "y", kind="Deployment", namespace="other"),
            patch(f"{at}/nobody", "y", annotationSelector="team=b"),
        ],
    )  # fmt: skip
    await rec.at(revision)
    found = rec.live("configmap", "a-plain-z")
    assert found["data"] == {"a": "1", "p": "q"}
    assert found["metadata"]["labels"].items() >= {"common": "l", "component": "there"}.items()
    made = rec.live("deployment", "a-web-z")
    annotations = made["metadata"]["annotations"]
    assert annotations.items() >= {"common": "a", "kind": "y", "group": "y", "label": "y"}.items()
    assert "nobody" not in annotations
    assert "a.yaml" in annotations["config.kubernetes.io/origin"]
    containers = made["spec"]["template"]["spec"]["containers"]
    assert [one["image"] for one in containers] == [
        "registry.example/web:2",
        f"side@sha256:{'c' * 64}",
    ]


async def test_variables_come_in_their_order(rec):
    rec.start()
    for kind, field, values in (
        ("ConfigMap", "data", {"one": "map", "two": "map", "three": "map"}),
        ("Secret", "stringData", {"two": "secret", "three": "secret"}),
    ):
        name = kind.lower()
        rec.apply({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, field: values})
    revision = await rec.push({"a.yaml": [config("it", rec.ns, v="${one} ${two} ${three}")]})
    wanted = [{"kind": "ConfigMap", "name": "configmap"}, {"kind": "Secret", "name": "secret"}]
    missing = {"kind": "ConfigMap", "name": "missing"}
    values = {"three": "inline"}
    rec.declare(postBuild={"substituteFrom": [*wanted, missing], "substitute": values})
    found = await rec.ready("False", reason="BuildFailed")
    assert f"ConfigMap {rec.ns}/missing, which does not exist" in found["message"]
    optional = missing | {"optional": True}
    rec.declare(postBuild={"substituteFrom": [*wanted, optional], "substitute": values})
    await rec.at(revision)
    assert rec.live("configmap", "it")["data"] == {"v": "map secret inline"}


async def test_without_prune_nothing_is_deleted(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns), config("two", rec.ns)]})
    rec.declare(prune=False)
    await rec.ready()
    revision = await rec.push({"a.yaml": [config("one", rec.ns)]})
    await rec.at(revision)
    assert rec.live("configmap", "two")


@pytest.mark.parametrize(
    ("policy", "prune", "stays"),
    [
        ("MirrorPrune", True, False),
        ("MirrorPrune", False, True),
        ("Delete", False, False),
        ("WaitForTermination", True, False),
        ("Orphan", True, True),
    ],
)
async def test_each_deletion_policy_does_what_it_says(rec, policy, prune, stays):
    rec.start()
    held = config("one", rec.ns)
    held["metadata"]["finalizers"] = ["example.dev/held"]
    await rec.push({"a.yaml": [held]})
    rec.declare(deletionPolicy=policy, prune=prune, timeout="1h")
    await rec.ready()
    rec.kubectl("delete", KS, "app", "--wait=false")

    def over():
        return not rec.kubectl.run("get", KS, "app").stdout

    def going():
        return rec.live("configmap", "one")["metadata"].get("deletionTimestamp")

    if policy == "WaitForTermination":
        await rec.ready("False", message="is being deleted")
        assert going()
    else:
        await rec.eventually(over, "the Kustomization is gone")
        assert bool(going()) is not stays
    rec.kubectl(
        *("patch", "configmap", "one", "--type=merge", "-p"), '{"metadata":{"finalizers":null}}'
    )
    await rec.eventually(over, "the Kustomization is gone")
    assert bool(rec.live("configmap", "one")) is stays


@pytest.mark.parametrize(
    "spec", [{"serviceAccountName": "tenant"}, {"kubeConfig": {"secretRef": {"name": "far"}}}]
)
async def test_where_rights_or_cluster_cannot_be_honoured_a_deletion_leaves_all_and_says_so(
    rec, spec
):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns)]})
    rec.declare()
    await rec.ready()
    rec.declare(**spec)
    await rec.ready("False", reason="NotSupported")
    rec.kubectl("delete", KS, "app", "--timeout=20s")
    assert rec.live("configmap", "one")
    told = await rec.told("NotSupported", "1 object of its inventory stays")
    assert f"spec.{next(iter(spec))}" in told.message


async def test_an_objects_own_wishes_are_heard(rec):
    def wishing(name, **wishes):
        one = config(name, rec.ns)
        prefix = "kustomize.toolkit.fluxcd.io/"
        one["metadata"]["annotations"] = {prefix + key: value for key, value in wishes.items()}
        return one

    wishes = {
        "left": {"reconcile": "disabled"},
        "ignored": {"ssa": "Ignore"},
        "once": {"ssa": "IfNotPresent"},
        "kept": {"prune": "disabled"},
        "literal": {"substitute": "disabled"},
    }
    objects = [wishing(name, **wish) for name, wish in wishes.items()]
    objects[-1]["data"] = {"a": "${v}"}
    rec.apply(config("once", rec.ns, a="mine"))
    rec.start()
    await rec.push({"a.yaml": objects})
    rec.declare(postBuild={"substitute": {"v": "1"}})
    await rec.ready()
    assert rec.live("configmap", "left") == {}
    assert rec.live("configmap", "ignored") == {}
    assert rec.live("configmap", "once")["data"] == {"a": "mine"}
    assert rec.live("configmap", "literal")["data"] == {"a": "${v}"}
    revision = await rec.push({"a.yaml": [config("other", rec.ns)]})
    await rec.at(revision)
    assert rec.live("configmap", "kept")
    assert rec.live("configmap", "once"), "what was there before is not ours to delete"
    assert rec.live("configmap", "literal") == {}
