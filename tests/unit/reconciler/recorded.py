"""
Answers of a real API server (v1.37), recorded in tests/golden/ownership.

Each file has what was declared, the answer to its server-side apply as ``setpoint``, and the live
object after the edit that names the file (null: it was deleted).
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from services.reconciler.core.drift import GONE, DriftKind, judge
from services.reconciler.core.explain import explain
from services.reconciler.core.observation import observe
from services.reconciler.core.owner import Owner
from services.reconciler.core.receipt import receipt_from_response

FOLDER = Path(__file__).parents[2] / "golden" / "ownership"
OWNER = Owner(name="apps", namespace="flux-system")


@dataclass(frozen=True)
class Recorded:
    desired: dict[str, Any]
    applied: dict[str, Any]
    live: dict[str, Any] | None

    @property
    def receipt(self):
        return receipt_from_response("sha256:desired", self.applied)

    @property
    def observed(self):
        if self.live is None:
            return GONE
        labelled = "labels" in self.desired["metadata"]  # only the Deployment was, to be brief
        seen = observe(self.live, OWNER)
        return seen if labelled else replace(seen, owner_ok=True)

    def judge(self, **options):
        has_generation = self.receipt.generation > 0
        return judge(self.receipt, self.observed, has_generation=has_generation, **options)

    def explain(self, kind=DriftKind.CHANGED):
        return explain(self.desired, self.live, self.receipt, kind=kind, mask=str)


def recorded(name: str) -> Recorded:
    return Recorded(**json.loads((FOLDER / f"{name}.json").read_text()))
