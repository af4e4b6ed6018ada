"""
What a pass did, until its status says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.reconciler.core.manifest import Refusal
from services.reconciler.declaration import Json


@dataclass(slots=True, kw_only=True)
class Result:
    """
    What a pass did.
    """

    began: float
    digest: str = ""
    status: Json
    refused: Sequence[Refusal] = ()
    prune_failed: Sequence[Refusal] = ()
    total: int = 0
    anew: bool = False  # something was sent or declared anew: health is awaited from now on
