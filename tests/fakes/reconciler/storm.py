"""A switch behind which calls fail, too: as an API server and a bus do, in the middle of a pass."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.errors import SetpointError, TransientError
from shared.kube.errors import (
    AdmissionDenied,
    Conflict,
    Forbidden,
    ServerFailed,
    TooManyRequests,
    Unreachable,
    WebhookFailed,
)
from tests.fakes.reconciler.mortal import Switch

WRITES = frozenset(
    {
        "Cluster.apply",
        "Cluster.rewrite_managers",
        "Cluster.delete",
        "Declarations.write_status",
        "Declarations.set_finalizer",
    }
)
_READS = frozenset({"Cluster.get", "Cluster.kind", "Declarations.values"})
_FETCHES = frozenset({"Artifacts.get"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    What a call ends with; ``committed`` if it had its effect all the same.
    """

    name: str
    error: Callable[[str], SetpointError]
    calls: frozenset[str]
    committed: bool = False

    def __repr__(self) -> str:
        return self.name


CALLS = sorted(WRITES | _READS)
_ANY = WRITES | _READS
FAULTS = (
    Fault(name="429", error=TooManyRequests, calls=_ANY),
    Fault(name="500", error=ServerFailed, calls=_ANY),
    Fault(name="403", error=Forbidden, calls=_ANY),
    Fault(name="409", error=Conflict, calls=WRITES),
    Fault(name="denied", error=AdmissionDenied, calls=WRITES),
    Fault(name="webhook down", error=WebhookFailed, calls=WRITES),
    Fault(name="no answer", error=Unreachable, calls=_ANY),
    Fault(name="answer lost", error=Unreachable, calls=WRITES, committed=True),
    Fault(name="no artifact", error=TransientError, calls=_FETCHES),
)


@dataclass(slots=True)
class _Pending:
    fault: Fault
    calls: frozenset[str]
    left: int


class Storm(Switch):
    """
    Lets the n-th call of some kind fail, and may kill like any other switch.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pending: list[_Pending] = []
        self._late: dict[int, SetpointError] = {}
        self.leads = True  # it holds the Lease; who does not sends no write

    def brew(
        self,
        *,
        at: int = 0,
        after: bool = False,
        faults: Iterable[tuple[Fault, str, int]] = (),
    ) -> None:
        """
        Let the call with the number ``at`` from now on be the last, and others fail.

        Args:
            at: Of all calls; 0 for none.
            after: Whether the last call has its effect.
            faults: What a call ends with; which call, or any that can end so if that name is empty
                or cannot; the how manieth of them.

        """
        self.at, self.after = len(self.calls) + at if at else 0, after
        self._pending = [
            _Pending(fault, fault.calls & {name} or fault.calls, number)
            for fault, name, number in faults
        ]
        self._late.clear()
        self._on_its_way.clear()

    def enter(self, name: str) -> None:
        super().enter(name)
        if not self.leads and name in WRITES:
            raise TransientError(f"{name}: the Lease is not held", reason="NotLeader")
        for one in [one for one in self._pending if name in one.calls]:
            one.left -= 1
            if one.left > 0:
                continue
            self._pending.remove(one)
            error = one.fault.error(f"{name}: {one.fault}")
            if not one.fault.committed:
                raise error
            self._late[len(self.calls)] = error

    def leave(self, number: int) -> None:
        super().leave(number)
        error = self._late.pop(number, None)
        if error is not None:
            raise error
