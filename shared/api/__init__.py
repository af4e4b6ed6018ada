"""
The types of the GitOps Toolkit API that Setpoint implements: the one source of ``deploy/crds``.

One module per kind; ``kinds`` lists them as values, ``crd`` makes definitions of them. Pure data:
no I/O, no clock, no decision. Every program may import it; it imports ``shared.model``,
``shared.errors`` and pydantic.
"""

from shared.api.alert import Alert
from shared.api.gitrepository import GitRepository
from shared.api.kinds import KINDS, KindInfo, kind_info
from shared.api.kustomization import Kustomization
from shared.api.meta import format_duration, parse_duration
from shared.api.provider import Provider
from shared.api.receiver import Receiver

__all__ = [
    "KINDS",
    "Alert",
    "GitRepository",
    "KindInfo",
    "Kustomization",
    "Provider",
    "Receiver",
    "format_duration",
    "kind_info",
    "parse_duration",
]
