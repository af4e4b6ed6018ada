"""What happens while NATS is away, and when all that it held is gone."""

import os
import shutil
import signal

from tests.fixtures.freeze import frozen
from tests.fixtures.waiting import until


def test_drift_is_healed_while_the_bus_is_away_and_told_when_it_is_back(system):
    told = len(system.webhooks())
    with frozen(int(system.env["NATS_PID"])):
        system.kubectl("--namespace", "production", "scale", "deployment", "shop", "--replicas=8")
        until("three shops again", lambda: system.replicas("production") == 3)
        assert not any("DriftDetected" in str(event) for event in system.webhooks()[told:])
    until(
        "a webhook",
        lambda: any(
            event["reason"] == "DriftDetected" and "spec.replicas" in str(event["metadata"])
            for event in system.webhooks()[told:]
        ),
        within=60,
    )


def test_a_killed_bus_comes_back_at_the_same_address(system):
    before = system.env["NATS_PID"], system.env["NATS_URL"]
    os.kill(int(before[0]), signal.SIGKILL)
    until("a new process is named in env", lambda: system.env["NATS_PID"] != before[0])
    assert system.env["NATS_URL"] == before[1]
    commit = system.push({"apps/README.md": f"after {before[0]}\n"})
    until("Ready at the commit", lambda: system.converged(commit), within=60)


def test_a_bus_that_lost_everything_is_filled_again_and_nothing_is_pruned(system):
    objects, before = system.uids(), system.env["NATS_PID"]
    with frozen(int(before)):  # the next server writes there as soon as this one has ended
        shutil.rmtree(system.state / "data" / "nats")
        os.kill(int(before), signal.SIGKILL)
    until("a new process is named in env", lambda: system.env["NATS_PID"] != before)
    commit = system.push({"apps/README.md": f"after the loss of {before}\n"})
    until("Ready at the commit", lambda: system.converged(commit), within=60)
    system.kubectl("--namespace", "production", "scale", "deployment", "shop", "--replicas=6")
    until("three shops again", lambda: system.replicas("production") == 3)
    until("the wipe is told", lambda: any(e["reason"] == "BusReset" for e in system.webhooks()))
    assert system.uids() == objects
