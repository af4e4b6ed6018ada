"""
Values that every program speaks in: object keys, revisions, digests, conditions.

Standard library only, no I/O. Everybody may import it; it imports ``shared.errors`` alone.
"""

from shared.model.conditions import Condition, Conditions
from shared.model.digest import Digest
from shared.model.keys import ObjectKey
from shared.model.revision import Revision

__all__ = ["Condition", "Conditions", "Digest", "ObjectKey", "Revision"]
