"""
A steady workload on a system, and the journal of what it did.
"""

from tests.faults.workload import layout
from tests.faults.workload.journal import Journal
from tests.faults.workload.steady import Workload

__all__ = ["Journal", "Workload", "layout"]
