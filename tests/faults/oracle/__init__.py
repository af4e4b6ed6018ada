"""
An independent observer that knows what was committed when, and judges what became of it.

It shares no code with the services: what ought to be, it reads from the workload's journal; what
is, from its own watches, the API server's audit log, the streams and the sinks. The modules judge
the invariants: ``objects`` O1, O2, O4 and O5, ``events`` O3, ``secrets`` O6, ``resources`` O7,
``status`` O8. Judgements are functions of a ``Record`` and a ``Journal`` without I/O.
"""

from tests.faults.oracle.breach import Breach
from tests.faults.oracle.oracle import Oracle

__all__ = ["Breach", "Oracle"]
