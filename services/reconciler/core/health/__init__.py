"""
Health: one kind per file, one total order. Pure; takes an object as JSON, returns a value.
"""

from services.reconciler.core.health.base import ORDER, Health, Status, rank
from services.reconciler.core.health.compute import compute, needs_whole_object, worst

__all__ = ["ORDER", "Health", "Status", "compute", "needs_whole_object", "rank", "worst"]
