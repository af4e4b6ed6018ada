"""
Whether Flux' own controller of the same work is alive in the cluster.
"""

from datetime import UTC, datetime, timedelta

from shared.errors import StalledError
from shared.kube.lease import LEASES, Cluster
from shared.kube.objects import Json

ALIVE = timedelta(seconds=60)  # Flux renews every few seconds and gives up after 35


async def refuse_beside_flux(
    kube: Cluster, controller: str, *, namespace: str, now: datetime
) -> None:
    """
    Refuse to work while the controller, such as ``source-controller``, works too.

    Raises:
        StalledError: Its Lease was renewed within the last 60 s.

    """
    name = f"{controller}-leader-election"
    lease = await kube.apart.get(LEASES, namespace, name)
    renewed = renewed_at(lease)
    # A time that lies ahead is no sign of life either, and it would count for ever.
    if renewed is not None and abs(now - renewed) < ALIVE:
        raise StalledError(
            f"Flux's {controller} is running in this cluster: it renewed the Lease"
            f" {namespace}/{name} {max(0, round((now - renewed).total_seconds()))} s ago."
            " Two of them would undo each other's work: scale that Deployment to 0"
            f" (kubectl -n {namespace} scale deployment {controller} --replicas=0),"
            " then start this service again",
            reason="BesideFlux",
        )


def renewed_at(lease: Json | None) -> datetime | None:
    """
    Return when somebody last renewed a Lease that somebody holds, if that can be said.
    """
    spec = (lease or {}).get("spec") or {}
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return None
    try:
        moment = datetime.fromisoformat(spec["renewTime"])
    except ValueError:
        return None  # the API server takes years that have five digits
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
