"""
Which Kustomizations there are and what each folder of the repository may hold.

A base makes the namespaces; a layer of infrastructure needs it; a layer of applications needs that.
Four tenants share one folder, one Kustomization waits for its Deployments, one is broken from time
to time, and one comes and goes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.faults.system.declared import NAMESPACE, SOURCE
from tests.faults.workload import objects
from tests.faults.workload.journal import Json

BASE, WEB, FRAGILE, GUEST = "base", "web", "fragile", "guest"
INFRA, APPS, TENANTS, SPACES = 7, 9, 4, 4
SHARED = "tenants"
REFUSED = f"{FRAGILE}/refused.yaml"  # what breaks the fragile folder, one time of two
LOWEST = 3  # objects that a folder always keeps: an empty one is another story

Make = Callable[[int], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """
    A place for an object in a folder; ``at_first`` says whether it is there from the beginning.
    """

    path: str
    make: Make
    at_first: bool = True

    @property
    def folder(self) -> str:
        return self.path.partition("/")[0]


def space(number: int) -> str:
    return f"faults-{number % SPACES}"


def slots(canary: str) -> Iterator[Slot]:
    """
    Yield the places of all folders.
    """
    for number in range(SPACES):
        name = space(number)
        yield _slot(
            BASE, "namespace", name, lambda n, name=name: objects.named("Namespace", name, n)
        )
    for number in range(INFRA):
        yield from _infra(f"infra-{number}", canary)
    for number in range(APPS):
        yield from _app(f"app-{number}", canary)
    for folder in (SHARED, FRAGILE, GUEST):
        yield from _app(folder, canary)
    for name in (f"{WEB}-a", f"{WEB}-b"):
        yield _slot(
            WEB, "deployment", name, lambda n, name=name: objects.deployment(name, n, replicas=1)
        )
        yield _slot(WEB, "config", name, lambda n, name=name: objects.config(name, n))


def refused() -> Slot:
    """
    Return the place of what the API server refuses.
    """
    return Slot(path=REFUSED, make=lambda n: objects.refused(FRAGILE, n), at_first=False)


def _infra(folder: str, canary: str) -> Iterator[Slot]:
    yield _slot(folder, "config", folder, lambda n: objects.config(folder, n))
    yield _slot(folder, "secret", folder, lambda n: objects.secret(folder, n, canary))
    yield _slot(folder, "account", folder, lambda n: objects.account(folder, n))
    yield _slot(folder, "role", folder, lambda n: objects.role(folder, n))
    yield _slot(folder, "binding", folder, lambda n: objects.binding(folder, n))
    yield _slot(folder, "immutable", f"{folder}-i", lambda n: objects.immutable(f"{folder}-i", n))
    yield from _more(folder)


def _app(folder: str, canary: str) -> Iterator[Slot]:
    yield _slot(folder, "config", folder, lambda n: objects.config(folder, n))
    yield _slot(folder, "secret", folder, lambda n: objects.secret(folder, n, canary))
    yield _slot(folder, "service", folder, lambda n: objects.service(folder, n))
    yield _slot(folder, "deployment", folder, lambda n: objects.deployment(folder, n))
    yield from _more(folder)


def _more(folder: str) -> Iterator[Slot]:
    for number in range(3):
        name = f"{folder}-more-{number}"
        yield _slot(
            folder, "config", name, lambda n, name=name: objects.config(name, n), at_first=False
        )


def _slot(folder: str, kind: str, name: str, make: Make, *, at_first: bool = True) -> Slot:
    return Slot(path=f"{folder}/{kind}-{name}.yaml", make=make, at_first=at_first)


def kustomizations() -> dict[str, Json]:
    """
    Return the specs by name; the guest is declared later.
    """
    found = {BASE: spec(BASE, "")}
    found |= {
        f"infra-{n}": spec(f"infra-{n}", space(n), dependsOn=[{"name": BASE}]) for n in range(INFRA)
    }
    found |= {
        f"app-{n}": spec(f"app-{n}", space(n), dependsOn=[{"name": f"infra-{n % INFRA}"}])
        for n in range(APPS)
    }
    found |= {
        f"tenant-{n}": spec(SHARED, space(n), dependsOn=[{"name": BASE}]) for n in range(TENANTS)
    }
    found[WEB] = spec(WEB, space(0), wait=True, dependsOn=[{"name": BASE}])
    found[FRAGILE] = spec(FRAGILE, space(1), dependsOn=[{"name": BASE}])
    return found


def spec(folder: str, namespace: str, **more: object) -> Json:
    found: Json = {
        "interval": "15s",
        "retryInterval": "3s",
        "timeout": "1m",
        "path": f"./{folder}",
        "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": SOURCE},
        **more,
    }
    return found | ({"targetNamespace": namespace} if namespace else {})


def kustomization(name: str, wanted: Json) -> Json:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": wanted,
    }
