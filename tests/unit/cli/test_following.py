import pytest

from cli import following


def obj(*conditions, observed=2):
    return {
        "metadata": {"name": "apps", "namespace": "flux-system", "generation": 2},
        "status": {"observedGeneration": observed, "conditions": list(conditions)},
    }


def condition(type_, status, reason="X", **more):
    return {"type": type_, "status": status, "reason": reason, "message": f"{type_}!", **more}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], False),
        ([condition("Ready", "Unknown")], False),
        ([condition("Ready", "True")], True),
        ([condition("Ready", "False")], True),
        ([condition("Ready", "True"), condition("Reconciling", "True", "Progressing")], False),
        (
            [condition("Ready", "False"), condition("Reconciling", "True", "ProgressingWithRetry")],
            True,
        ),
    ],
)
def test_a_pass_has_ended_when_nothing_is_under_way_but_a_later_retry(conditions, expected):
    assert following.ended(obj(*conditions)) is expected


def test_a_pass_of_an_older_generation_does_not_settle_an_object():
    assert following.settled(obj(condition("Ready", "True")))
    assert not following.settled(obj(condition("Ready", "True"), observed=1))
    assert not following.settled(obj(condition("Ready", "True", observedGeneration=1)))


def test_the_message_of_the_pass_before_is_not_told_as_progress():
    assert following.progress(obj(condition("Ready", "True"))) == ""
    assert following.progress(obj(condition("Ready", "False"))) == "Ready!"
    working = obj(condition("Ready", "True"), condition("Reconciling", "True"))
    assert following.progress(working) == "Reconciling!"
