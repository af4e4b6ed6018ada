"""
Run the model: ``python -m tests.model.run MACHINE EXAMPLES``, always the same ones; with ``--anew``
others each time.

The order of sets is a part of what happens: the same examples need the same ``PYTHONHASHSEED``.
"""

import argparse

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine
from tests.model.twins import Twins

MACHINES = {"machine": Machine, "twins": Twins}
STEPS = 40  # of an example, at most


def main() -> None:
    """
    Run it; what breaks a promise is printed as the steps that lead there.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("machine", choices=MACHINES)
    parser.add_argument("examples", type=int)
    parser.add_argument("--anew", action="store_true")
    given = parser.parse_args()
    chosen = settings(
        max_examples=given.examples,
        stateful_step_count=STEPS,
        derandomize=not given.anew,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(MACHINES[given.machine], settings=chosen)
    print(f"{given.examples} examples of {given.machine} broke no promise")


if __name__ == "__main__":
    main()
