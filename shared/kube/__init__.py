"""
Kubernetes: get, list, watch, apply, delete, discovery, Leases, Events, and what answers mean.

One module imports the client library (``library``). It holds no decision about what to apply, and
no service's settings. Services and the command line may import it; it imports no program, neither
``shared.bus`` nor ``shared.runtime``.
"""

from shared.kube.client import Kube
from shared.kube.events import EventRecorder
from shared.kube.fence import fenced
from shared.kube.holder import Holder
from shared.kube.lease import Lease
from shared.kube.objects import Listing
from shared.kube.resource import Resource

__all__ = ["EventRecorder", "Holder", "Kube", "Lease", "Listing", "Resource", "fenced"]
