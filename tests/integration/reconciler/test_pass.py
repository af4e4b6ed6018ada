"""What a pass does: apply, record, prune, and say why it cannot."""

from tests.fixtures.reconciler import config, workload


async def test_a_plain_directory_is_applied_recorded_and_pruned(rec):
    rec.start()
    first = await rec.push(
        {"a.yaml": [config("one", rec.ns)], "sub/b.yaml": [config("two", rec.ns)]}
    )
    rec.declare()
    await rec.at(first)
    assert rec.live("configmap", "one")["data"] == {"a": "1"}
    labels = rec.live("configmap", "two")["metadata"]["labels"]
    assert labels["kustomize.toolkit.fluxcd.io/name"] == "app"
    status = rec.get()["status"]
    assert sorted(rec.ids()) == [f"{rec.ns}_one__ConfigMap", f"{rec.ns}_two__ConfigMap"]
    assert status["lastAppliedRevision"] == status["lastAttemptedRevision"] == first
    assert status["observedGeneration"] == 1
    assert status["lastAttempted"]["sequence"] == rec.sequence
    assert status["history"][0]["lastReconciledStatus"] == "ReconciliationSucceeded"
    assert rec.get()["metadata"]["finalizers"] == ["finalizers.fluxcd.io"]

    second = await rec.push({"a.yaml": [config("one", rec.ns)]})
    await rec.at(second)
    assert rec.live("configmap", "two") == {}
    assert rec.ids() == [f"{rec.ns}_one__ConfigMap"]


async def test_a_commit_that_changes_nothing_here_writes_to_no_managed_object(rec):
    rec.start()
    files = {"app/a.yaml": [config("one", rec.ns)], "other.yaml": [config("x", rec.ns)]}
    await rec.push(files)
    rec.declare(path="./app")
    await rec.ready()
    before = rec.live("configmap", "one")["metadata"]["resourceVersion"]
    second = await rec.push(files | {"other.yaml": [config("y", rec.ns)]})
    await rec.at(second)
    assert rec.live("configmap", "one")["metadata"]["resourceVersion"] == before


async def test_one_refused_object_is_named_and_holds_up_neither_the_rest_nor_the_prune_guard(rec):
    rec.start()
    await rec.push({"a.yaml": [config("old", rec.ns)]})
    rec.declare()
    await rec.ready()
    bad = workload("bad", rec.ns)
    bad["spec"]["template"]["spec"]["containers"][0]["name"] = "Not A Name"
    await rec.push({"a.yaml": [config("good", rec.ns), bad]})
    found = await rec.ready("False", reason="ReconciliationFailed")
    assert "1 of 2 objects refused" in found["message"]
    assert f"Deployment/{rec.ns}/bad" in found["message"]
    assert rec.live("configmap", "good")
    assert rec.live("configmap", "old"), "nothing is pruned in a pass with a refused object"
    mended = await rec.push({"a.yaml": [config("good", rec.ns)]})
    await rec.at(mended)
    assert rec.live("configmap", "old") == {}


async def test_an_empty_render_prunes_nothing_unless_it_is_allowed(rec):
    rec.start()
    await rec.push({"app/a.yaml": [config("one", rec.ns)]})
    rec.declare(path="./app")
    await rec.ready()
    await rec.push({"app/readme.txt": "nothing here"})
    await rec.ready("False", reason="EmptyDesiredState")
    assert rec.live("configmap", "one")
    rec.declare(path="./app", annotations={"setpoint.dev/allow-empty": "enabled"})
    await rec.ready()
    assert rec.live("configmap", "one") == {}


async def test_broken_input_says_what_is_wrong_and_recovers_by_itself(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns)]})
    rec.declare()
    await rec.ready()
    await rec.push({"a.yaml": "kind: {broken"})
    found = await rec.ready("False", reason="BuildFailed")
    assert "a.yaml" in found["message"]
    await rec.told("BuildFailed", "a.yaml")
    assert rec.live("configmap", "one")
    mended = await rec.push({"a.yaml": [config("one", rec.ns, a="2")]})
    await rec.at(mended)
    assert rec.live("configmap", "one")["data"] == {"a": "2"}


async def test_the_last_good_state_is_healed_while_the_newest_revision_is_broken(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns)]})
    rec.declare()
    await rec.ready()
    await rec.push({"a.yaml": "kind: {broken"})
    await rec.ready("False")
    rec.kubectl("patch", "configmap", "one", "--type=merge", "-p", '{"data":{"a":"9"}}')
    await rec.eventually(
        lambda: rec.live("configmap", "one")["data"]["a"] == "1", "healed to the last good state"
    )


async def test_a_missing_path_a_missing_namespace_and_a_missing_source_are_named(rec):
    rec.start()
    rec.declare()
    await rec.ready("False", reason="ArtifactFailed", message=f"GitRepository {rec.ns}/repo")
    await rec.push({"a.yaml": [config("one", "no-such-namespace")]})
    await rec.ready("False", reason="ReconciliationFailed", message="no-such-namespace")
    rec.declare(path="./absent")
    await rec.ready("False", message="absent")
    good = await rec.push({"a.yaml": [config("one", rec.ns)]})
    rec.declare(path="./")
    await rec.at(good)


async def test_a_definition_and_its_object_come_in_one_revision(rec):
    group = f"{rec.ns}.example.dev"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "x-kubernetes-preserve-unknown-fields": True,
                        }
                    },
                }
            ],
        },
    }
    thing = {
        "apiVersion": f"{group}/v1",
        "kind": "Thing",
        "metadata": {"name": "t", "namespace": rec.ns},
        "spec": {"a": 1},
    }
    rec.start()
    revision = await rec.push({"all.yaml": [thing, definition]})
    rec.declare()
    await rec.at(revision)
    assert rec.live(f"things.{group}", "t")["spec"] == {"a": 1}
    rec.kubectl("delete", "crd", f"things.{group}")


async def test_fields_that_are_not_supported_are_refused_in_plain_words(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns)]})
    rec.declare(serviceAccountName="robot")
    found = await rec.ready("False", reason="NotSupported")
    assert "spec.serviceAccountName" in found["message"]
    assert rec.condition("Stalled")["status"] == "True"
    assert rec.live("configmap", "one") == {}


async def test_an_object_of_another_kustomization_is_refused_with_both_names(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns)]})
    rec.declare("first")
    await rec.ready(name="first")
    rec.declare("second")
    found = await rec.ready("False", name="second")
    assert f"Kustomization/{rec.ns}/first" in found["message"]
    assert f"Kustomization/{rec.ns}/second" in found["message"]
    labels = rec.live("configmap", "one")["metadata"]["labels"]
    assert labels["kustomize.toolkit.fluxcd.io/name"] == "first"


async def test_a_deleted_kustomization_takes_its_objects_with_it(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns)]})
    rec.declare()
    await rec.ready()
    rec.kubectl("delete", "kustomizations.kustomize.toolkit.fluxcd.io", "app", "--timeout=20s")
    assert rec.live("configmap", "one") == {}


async def test_a_request_is_answered_and_a_suspended_one_does_no_work(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns)]})
    rec.declare()
    await rec.ready()
    await rec.settled()
    rec.declare(suspend=True)
    await rec.settled()
    rec.kubectl("delete", "configmap", "one")
    await rec.settled()
    assert rec.live("configmap", "one") == {}
    rec.declare(suspend=False)
    await rec.eventually(lambda: rec.live("configmap", "one"), "healed after resume")


async def test_values_of_secrets_are_substituted_and_never_shown(rec):
    rec.start()
    rec.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "values"},
            "stringData": {"canary": "Sup3r_s3cret"},
        }
    )
    await rec.push({"a.yaml": [config("one", rec.ns, a="${canary}")]})
    rec.declare(postBuild={"substituteFrom": [{"kind": "Secret", "name": "values"}]})
    await rec.ready()
    assert rec.live("configmap", "one")["data"] == {"a": "Sup3r_s3cret"}
    bad = workload("bad", rec.ns)
    bad["spec"]["template"]["spec"]["containers"][0]["name"] = "${canary}"
    await rec.push({"a.yaml": [config("one", rec.ns), bad]})
    found = await rec.ready("False")
    assert "***" in found["message"]
    shown = f"{rec.get()['status']} {rec.log} {await rec.events()}"
    assert "Sup3r_s3cret" not in shown


async def test_an_immutable_object_is_replaced_only_where_force_asks_for_it(rec):
    def fixed(value):
        return {**config("one", rec.ns, a=value), "immutable": True}

    rec.start()
    await rec.push({"a.yaml": [fixed("1")]})
    rec.declare()
    await rec.ready()
    uid = rec.live("configmap", "one")["metadata"]["uid"]
    second = await rec.push({"a.yaml": [fixed("2")]})
    await rec.ready("False", message="immutable")
    assert rec.live("configmap", "one")["metadata"]["uid"] == uid
    rec.declare(force=True)
    await rec.at(second)
    assert rec.live("configmap", "one")["data"] == {"a": "2"}
    assert rec.live("configmap", "one")["metadata"]["uid"] != uid


async def test_force_does_not_delete_an_object_that_is_merely_invalid(rec):
    rec.start()
    await rec.push({"a.yaml": [workload("web", rec.ns)]})
    rec.declare(force=True)
    await rec.ready()
    uid = rec.live("deployment", "web")["metadata"]["uid"]
    bad = workload("web", rec.ns)
    bad["spec"]["template"]["spec"]["containers"][0]["name"] = "Not A Name"
    await rec.push({"a.yaml": [bad]})
    await rec.ready("False", reason="ReconciliationFailed")
    assert rec.live("deployment", "web")["metadata"]["uid"] == uid
