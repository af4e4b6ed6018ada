"""
What every service needs to be a process: settings, logs, signals, tasks, health, metrics, clock.

It knows nothing of the bus or the API server; a service hands it coroutines to supervise and pings
to call. All programs may import it.
"""

from shared.runtime.clock import Clock, SystemClock
from shared.runtime.points import point
from shared.runtime.process import Runtime, run

__all__ = ["Clock", "Runtime", "SystemClock", "point", "run"]
