"""Job: complete, not merely started (the reader of the reference, section 2.7)."""

from collections.abc import Mapping
from typing import Any

from services.reconciler.core.health.base import (
    Health,
    condition,
    current,
    failed,
    in_progress,
    number,
    part,
    said,
)


def job(obj: Mapping[str, Any]) -> Health:
    """
    Judge a Job.
    """
    broken = condition(obj, "Failed")
    if broken.get("status") == "True":
        return failed(said(broken, "Job failed"))
    if condition(obj, "Complete").get("status") == "True":
        return current(f"Job completed. succeeded: {number(part(obj, 'status'), 'succeeded')}")
    if part(obj, "spec").get("suspend") is True:
        return current("Job is suspended")
    status = part(obj, "status")
    if "startTime" not in status:
        return in_progress("Job not started")
    return in_progress(
        f"Job in progress. succeeded: {number(status, 'succeeded')},"
        f" active: {number(status, 'active')}, failed: {number(status, 'failed')}"
    )
