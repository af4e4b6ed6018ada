"""Decisions of a start: which cluster, what is Ready, how an end is told."""

import signal

import pytest

from cli.up import example
from cli.up.declare import not_ready
from cli.up.errors import ClusterUnusable
from cli.up.keep import how
from cli.up.programs import ROOT
from cli.up.target import Target, on_loopback, refuse_remote

FAR = Target(kubeconfig="k", context="far", address="https://192.0.2.7:6443", login="{secret}")


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("https://127.0.0.1:6443", True),
        ("https://127.9.9.9", True),
        ("https://[::1]:6443", True),
        ("https://localhost:6443", True),
        ("https://192.0.2.7:6443", False),
        ("https://10.0.0.1", False),
        ("https://0.0.0.0:6443", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_only_loopback_is_this_machine(address, here):
    assert on_loopback(address) is here


def test_a_far_cluster_needs_a_word_from_the_user():
    with pytest.raises(ClusterUnusable, match=r"far at https://192\.0\.2\.7:6443") as refused:
        refuse_remote(FAR, {})
    assert refused.value.exit_code == 2
    assert "SETPOINT_UP_REMOTE=yes" in str(refused.value)
    with pytest.raises(ClusterUnusable):
        refuse_remote(FAR, {"SETPOINT_UP_REMOTE": "no"})
    refuse_remote(FAR, {"SETPOINT_UP_REMOTE": "yes"})


def test_a_target_shows_no_login():
    assert repr(FAR) == "<Target far at https://192.0.2.7:6443>"


def obj(status, generation=2):
    return {"kind": "K", "metadata": {"name": "n", "generation": generation}, "status": status}


def ready(value="True", **more):
    return {"conditions": [{"type": "Ready", "status": value, "message": "why"}], **more}


@pytest.mark.parametrize(
    ("status", "token", "why"),
    [
        (ready(observedGeneration=2), "", ""),
        (ready(observedGeneration=2, lastHandledReconcileAt="t"), "t", ""),
        (ready(observedGeneration=2, lastHandledReconcileAt="old"), "t", "K/n: why"),
        (ready(observedGeneration=1), "", "K/n: generation 2 is not looked at yet"),
        (ready("False", observedGeneration=2), "", "K/n: why"),
        (ready("Unknown", observedGeneration=2), "", "K/n: why"),
        ({}, "", "K/n: no condition Ready yet"),
        ({}, "t", "K/n: not looked at yet"),
    ],
)
def test_ready_is_believed_only_for_this_generation_and_this_request(status, token, why):
    assert not_ready(obj(status), token) == why


def test_how_a_part_ended_is_said_in_words():
    assert how(0) == "ended"
    assert how(3) == "ended with exit code 3"
    assert how(-signal.SIGKILL) == "was ended by SIGKILL"
    assert how(-200) == "was ended by signal 200"


def test_the_example_declares_what_the_design_says():
    made = example.declarations(git_url="http://g", webhook_url="http://w", token="t")
    kinds = [one["kind"] for one in made]
    assert kinds == ["Secret", "Provider", "Alert", "Receiver", "GitRepository", "Kustomization"]
    specs = {one["kind"]: one.get("spec", {}) for one in made}
    assert specs["GitRepository"]["url"] == "http://g"
    assert specs["GitRepository"]["interval"] == "1m"
    assert specs["Kustomization"]["path"] == "./"
    assert specs["Provider"] == {"type": "generic", "address": "http://w"}
    assert specs["Receiver"]["type"] == "generic-hmac"
    assert len(example.definitions(ROOT / "deploy" / "crds")) == 5
