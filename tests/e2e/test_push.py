"""What a push does to the cluster."""

from tests.fixtures.waiting import until

STAGING = "apps/staging/kustomization.yaml"
PRODUCTION = "apps/production/kustomization.yaml"
NOTICE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: notice
data:
  text: hello
"""


def test_a_pushed_change_is_in_the_cluster_and_a_webhook_hears_of_it(system):
    before = system.read(PRODUCTION)
    commit = system.push({PRODUCTION: before.replace("count: 3", "count: 5")})
    until("five shops", lambda: system.replicas("production") == 5)
    until("Ready at the commit", lambda: system.converged(commit))
    until("a webhook of the fetch", lambda: told(system, "NewArtifact", commit))
    until("a webhook of the pass", lambda: told(system, "ReconciliationSucceeded", commit))
    commit = system.push({PRODUCTION: before})
    until("three shops", lambda: system.replicas("production") == 3)
    until("Ready at the commit", lambda: system.converged(commit))


def told(system, reason, commit):
    return [
        event
        for event in system.webhooks()
        if event["reason"] == reason
        and any(commit in value for value in event.get("metadata", {}).values())
    ]


def test_an_object_is_made_when_it_comes_and_pruned_when_it_goes(system):
    before, objects = system.read(STAGING), system.uids()
    listed = before.replace("- ../base", "- ../base\n  - notice.yaml")
    system.push({STAGING: listed, "apps/staging/notice.yaml": NOTICE})
    until("the new object", lambda: notice(system) == "hello")
    commit = system.push({STAGING: before, "apps/staging/notice.yaml": None})
    until("the object is gone", lambda: notice(system) is None)
    until("Ready at the commit", lambda: system.converged(commit))
    assert system.uids() == objects


def notice(system):
    words = ("--namespace", "staging", "get", "configmap", "notice", "--ignore-not-found")
    found = system.kubectl(*words, "--output=jsonpath={.data.text}")
    return found or None


def test_a_broken_manifest_is_named_prunes_nothing_and_is_mended_by_a_push(system):
    before, objects = system.read(STAGING), system.uids()
    broken = system.push({STAGING: before + "resources: [\n"})
    until("the file is named", lambda: STAGING in said_of(system, "apps-staging"))
    assert system.uids() == objects
    # The last good state is still kept.
    system.kubectl("--namespace", "staging", "scale", "deployment", "shop", "--replicas=4")
    until("healed while broken", lambda: system.replicas("staging") == 1)
    until("the others follow", lambda: system.ready("apps-production", broken))
    commit = system.push({STAGING: before})
    until("Ready at the commit", lambda: system.converged(commit))
    assert system.uids() == objects
    assert system.condition("apps-staging", "Stalled") == {}


def said_of(system, name):
    ready = system.condition(name)
    return ready.get("message", "") if ready.get("status") == "False" else ""


def test_an_object_that_the_api_server_refuses_is_named_and_holds_up_no_other(system):
    before = system.read(STAGING)
    listed = before.replace("- ../base", "- ../base\n  - notice.yaml\n  - bad.yaml")
    bad = NOTICE.replace("name: notice", "name: bad").replace("text: hello", "'no key!': x")
    system.push({STAGING: listed, "apps/staging/notice.yaml": NOTICE, "apps/staging/bad.yaml": bad})
    until("the object is named", lambda: "ConfigMap/staging/bad" in said_of(system, "apps-staging"))
    until("the other object is there", lambda: notice(system) == "hello")
    commit = system.push(
        {STAGING: before, "apps/staging/notice.yaml": None, "apps/staging/bad.yaml": None}
    )
    until("Ready at the commit", lambda: system.converged(commit))
    until("pruned", lambda: notice(system) is None)
