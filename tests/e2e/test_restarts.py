"""What happens when a part is killed while it works."""

import os
import signal

import pytest

from tests.fixtures.waiting import until

PRODUCTION = "apps/production/kustomization.yaml"
SERVICES = ("source", "reconciler", "notifier")


def scaled(system, count):
    text = system.read(PRODUCTION)
    head, _, rest = text.partition("count: ")
    return f"{head}count: {count}{rest.lstrip('0123456789')}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_service_starts_again_and_the_rollout_ends_as_pushed(system, service):
    before, objects = system.pid(service), system.uids()
    count = 3 + SERVICES.index(service)
    commit = system.push({PRODUCTION: scaled(system, count)})
    os.kill(before, signal.SIGKILL)
    until("a new process is named in env", lambda: system.pid(service) != before)
    until("it is said", lambda: f"{service} was ended by SIGKILL" in system.output())
    until("the pushed number", lambda: system.replicas("production") == count)
    until("Ready at the commit", lambda: system.converged(commit))
    assert system.uids() == objects


@pytest.mark.parametrize("service", SERVICES)
def test_drift_while_a_service_is_away_is_healed_and_told(system, service):
    before = system.pid(service)
    os.kill(before, signal.SIGKILL)
    words = ("--namespace", "staging", "set", "image", "deployment/shop")
    image = f"registry.example.com/shop:by-hand-{service}"
    system.kubectl(*words, f"shop={image}")
    until("the declared image", lambda: image_of(system) == "registry.example.com/shop:1.0.0")
    until("a webhook names it", lambda: any(image in str(event) for event in system.webhooks()))
    until("a new process is named in env", lambda: system.pid(service) != before)


def image_of(system):
    found = system.kubectl.json("--namespace", "staging", "get", "deployment", "shop")
    return found["spec"]["template"]["spec"]["containers"][0]["image"]


def test_all_services_killed_at_once_change_nothing_when_they_are_back(system):
    until("it rests", lambda: system.converged(system.git("rev-parse", "HEAD")))
    objects, pids = system.uids(), {service: system.pid(service) for service in SERVICES}
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    until("new processes", lambda: all(system.pid(name) != pids[name] for name in SERVICES))
    commit = system.push({"apps/README.md": f"after {sorted(pids.values())}\n"})
    until("Ready at the commit", lambda: system.converged(commit), within=60)
    assert system.uids() == objects
