"""
What the services do alike as programs: open their doors, be alone, tell events, drain.

It joins ``runtime``, ``bus`` and ``kube``, which know nothing of each other. A service's wiring
adds what is its own; nothing here knows a service.
"""

from shared.program.program import Program, opened, start
from shared.program.reporter import BusReporter

__all__ = ["BusReporter", "Program", "opened", "start"]
