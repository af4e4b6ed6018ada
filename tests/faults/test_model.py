"""
The model of the reconciler for a minute, each time with other orders of events.

``tests/unit/reconciler/test_model.py`` looks at a few, always the same. What is found here is
printed as the steps that lead to it, and is to be kept there as a test of its own.
"""

import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine
from tests.model.twins import Twins

SECONDS = 50.0
EACH_TIME = settings(
    max_examples=40,
    stateful_step_count=40,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(900)  # a failure is made as small as it can be, which takes longer
@pytest.mark.parametrize("machine", [Machine, Twins])
def test_no_order_of_events_breaks_a_promise(machine):
    end = time.monotonic() + SECONDS / 2
    while time.monotonic() < end:
        run_state_machine_as_test(machine, settings=EACH_TIME)
