"""
Named points between two side effects, at which tests kill a service.

A service marks each place where the world has changed but its own records do not yet say so. In
production a point does nothing. With ``SETPOINT_KILL_AT=<name>[#<n>]`` in the environment, the
process kills itself without any clean-up when it comes to that point for the n-th time.
"""

import os
import signal

_WANTED, _, _COUNT = os.environ.get("SETPOINT_KILL_AT", "").partition("#")
_left = [int(_COUNT or 1)]


def point(name: str) -> None:
    """
    Mark the place ``name``, such as ``reconciler.applied``.
    """
    if name != _WANTED:
        return
    _left[0] -= 1
    if _left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
