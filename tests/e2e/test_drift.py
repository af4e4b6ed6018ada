"""What happens when somebody changes the cluster by hand."""

import json

from tests.fixtures.waiting import until


def drift_of(system, name, path=""):
    """
    Return the delivered drift events about an object, and a field if one is named.
    """
    return [
        (meta, field)
        for event in system.webhooks()
        if event["reason"] == "DriftDetected"
        for meta in [short(event["metadata"])]
        if meta["object"] == name
        for field in json.loads(meta["fields"]) or [{}]
        if not path or field.get("path") == path
    ]


def short(metadata):
    return {key.rpartition("/")[2]: value for key, value in metadata.items()}


def test_a_scaled_deployment_is_scaled_back_and_the_webhook_says_what_and_who(system):
    system.kubectl("--namespace", "production", "scale", "deployment", "shop", "--replicas=7")
    until("three shops again", lambda: system.replicas("production") == 3, within=10)
    name = "Deployment/production/shop"
    meta, field = until("a webhook", lambda: drift_of(system, name, "spec.replicas"))[-1]
    assert (str(field["from"]), str(field["to"])) == ("3", "7")
    assert meta["manager"] == "kubectl"
    assert meta["action"] == "revert"
    until("it is narrated", lambda: "healed: Deployment/production/shop" in system.output())


def test_an_edited_field_is_put_back_and_the_webhook_says_what_and_who(system):
    patch = json.dumps({"spec": {"selector": {"app.kubernetes.io/name": "other"}}})
    words = ("--namespace", "staging", "patch", "service", "shop", "--type=merge")
    system.kubectl(*words, f"--patch={patch}", "--field-manager=somebody")
    until("the selector again", lambda: selector(system) == "shop", within=10)
    meta, field = until("a webhook", lambda: drift_of(system, "Service/staging/shop"))[-1]
    assert (field["from"], field["to"]) == ("shop", "other")
    assert meta["manager"] == "somebody"


def selector(system):
    found = system.kubectl.json("--namespace", "staging", "get", "service", "shop")
    return found["spec"]["selector"]["app.kubernetes.io/name"]


def test_a_deleted_object_comes_back_as_another_one_and_the_webhook_says_so(system):
    before = system.uids()["Deployment/staging/shop"]
    system.kubectl("--namespace", "staging", "delete", "deployment", "shop")
    until(
        "another Deployment",
        lambda: system.uids().get("Deployment/staging/shop", before) != before,
        within=10,
    )
    until("a webhook", lambda: drift_of(system, "Deployment/staging/shop"))
    until("the pods run again", lambda: available(system))


def available(system):
    found = system.kubectl.json("--namespace", "staging", "get", "deployment", "shop")
    return found["status"].get("availableReplicas") == 1


def test_a_deleted_object_of_a_kind_that_only_the_example_has_comes_back(system):
    before = system.uids()["Banner//welcome"]
    system.kubectl("delete", "banner", "welcome")
    until("another Banner", lambda: system.uids().get("Banner//welcome", before) != before)


def test_a_field_that_nobody_declares_is_left_alone(system):
    system.kubectl("--namespace", "staging", "annotate", "service", "shop", "team=blue")
    system.kubectl("--namespace", "staging", "scale", "deployment", "shop", "--replicas=3")
    until("the other change is healed", lambda: system.replicas("staging") == 1)
    found = system.kubectl.json("--namespace", "staging", "get", "service", "shop")
    assert found["metadata"]["annotations"]["team"] == "blue"
