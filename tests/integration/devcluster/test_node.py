"""What the simulated node does, seen through kubectl as a user would."""

import pytest

FAIL = "devcluster.setpoint.dev/fail"


def deployment(*, annotations=None, container=None, replicas=1):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}, "annotations": annotations or {}},
                "spec": {
                    "initContainers": [{"name": "first", "image": "busybox:1"}],
                    "containers": [{"name": "web", "image": "nginx:1", **(container or {})}],
                },
            },
        },
    }


def pod(name="lone", **metadata):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {"containers": [{"name": "main", "image": "nginx:1"}]},
    }


def wait(kubectl, what, condition, timeout=30):
    kubectl("wait", what, f"--for={condition}", f"--timeout={timeout}s")


def wait_for_pods(kubectl, path, value):
    # The pods are made by controllers: first wait until there is one.
    wait(kubectl, "deployment/web", "jsonpath={.status.unavailableReplicas}=1")
    kubectl("wait", "pod", "--selector=app=web", f"--for=jsonpath={path}={value}", "--timeout=30s")


def test_a_deployment_becomes_ready_and_its_pods_look_like_real_ones(namespaced):
    namespaced("apply", "-f-", stdin=deployment(replicas=3))
    namespaced("rollout", "status", "deployment/web", "--timeout=30s")
    pods = namespaced.json("get", "pods")["items"]
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert len({pod["status"]["podIP"] for pod in pods}) == 3
    for one in pods:
        status = one["status"]
        assert status["startTime"]
        assert status["containerStatuses"][0]["ready"]
        assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
        assert status["observedGeneration"] == one["metadata"]["generation"]


@pytest.mark.parametrize(
    ("failure", "path", "value"),
    [
        ("crash", "{.status.containerStatuses[0].restartCount}", "2"),
        ("crash", "{.status.containerStatuses[0].state.waiting.reason}", "CrashLoopBackOff"),
        ("unready", "{.status.phase}", "Running"),
        ("pull", "{.status.containerStatuses[0].state.waiting.reason}", "ImagePullBackOff"),
    ],
)
def test_an_annotation_makes_pods_fail_and_a_new_template_heals_them(
    namespaced, failure, path, value
):
    namespaced("apply", "-f-", stdin=deployment(annotations={FAIL: failure}))
    wait_for_pods(namespaced, path, value)
    failing = namespaced.json("get", "pods")["items"][0]["status"]
    ready = {c["type"]: c["status"] for c in failing["conditions"]}["Ready"]
    assert ready == "False"

    namespaced("apply", "-f-", stdin=deployment())
    namespaced("rollout", "status", "deployment/web", "--timeout=30s")


def test_the_pod_of_a_job_succeeds(namespaced):
    namespaced("create", "job", "once", "--image=busybox:1")
    wait(namespaced, "job/once", "condition=Complete")
    assert namespaced.json("get", "pods")["items"][0]["status"]["phase"] == "Succeeded"


def test_the_pod_of_a_job_that_crashes_fails(namespaced):
    template = {
        "metadata": {"annotations": {FAIL: "crash"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1"}]},
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once"},
        "spec": {"backoffLimit": 0, "template": template},
    }
    namespaced("create", "-f-", stdin=job)
    wait(namespaced, "job/once", "condition=Failed")


def test_a_job_can_be_deleted_while_its_pod_runs(namespaced):
    namespaced("create", "job", "once", "--image=busybox:1")
    namespaced("delete", "job", "once", "--cascade=foreground", "--timeout=30s")
    assert namespaced.json("get", "pods")["items"] == []


def test_a_deleted_pod_ends_long_before_its_grace(namespaced):
    namespaced("create", "-f-", stdin=pod())
    wait(namespaced, "pod/lone", "condition=Ready")
    namespaced("delete", "pod", "lone", "--grace-period=600", "--timeout=20s")
    assert namespaced.run("get", "pod", "lone").returncode == 1


def test_a_deleted_pod_with_a_finalizer_waits_for_it(namespaced):
    namespaced("create", "-f-", stdin=pod(finalizers=["example.com/hold"]))
    wait(namespaced, "pod/lone", "condition=Ready")
    namespaced("delete", "pod", "lone", "--wait=false")
    wait(namespaced, "pod/lone", "jsonpath={.metadata.deletionGracePeriodSeconds}=0")
    namespaced("patch", "pod", "lone", "--type=merge", '-p={"metadata":{"finalizers":null}}')
    wait(namespaced, "pod/lone", "delete")


def test_load_balancers_get_addresses_of_their_own_and_lose_them(namespaced):
    for name in ("one", "two"):
        namespaced("create", "service", "loadbalancer", name, "--tcp=80")
        wait(namespaced, f"service/{name}", "jsonpath={.status.loadBalancer.ingress[0].ip}")
    services = namespaced.json("get", "services")["items"]
    addresses = {one["status"]["loadBalancer"]["ingress"][0]["ip"] for one in services}
    assert len(addresses) == 2
    assert all(address.startswith("203.0.113.") for address in addresses)

    namespaced("patch", "service", "one", "--type=merge", '-p={"spec":{"type":"ClusterIP"}}')
    assert namespaced.json("get", "service", "one")["status"]["loadBalancer"] == {}


def test_a_claim_is_bound_and_its_volume_goes_with_it(namespaced, kubectl):
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    namespaced("create", "-f-", stdin=claim)
    wait(namespaced, "pvc/data", "jsonpath={.status.phase}=Bound")
    volume = namespaced.json("get", "pvc", "data")["spec"]["volumeName"]
    namespaced("delete", "pvc", "data", "--timeout=20s")
    kubectl("wait", f"pv/{volume}", "--for=delete", "--timeout=30s")


def test_a_namespace_with_things_in_it_is_really_deleted(kubectl, namespaced):
    namespaced("apply", "-f-", stdin=deployment())
    namespaced("rollout", "status", "deployment/web", "--timeout=30s")
    other = f"{namespaced.namespace}-gone"
    kubectl("create", "namespace", other)
    kubectl("create", "deployment", "web", "--image=nginx:1", f"--namespace={other}")
    kubectl("delete", "namespace", other, "--timeout=40s")
    assert kubectl.run("get", "namespace", other).returncode == 1
