"""A switch behind which calls fail, too: as an API server and a bus do, in the middle of a pass."""

from collections.abc import Callable, Mapping
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

_WRITES = frozenset(
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


_ANY = _WRITES | _READS
FAULTS = (
    Fault(name="429", error=TooManyRequests, calls=_ANY),
    Fault(name="500", error=ServerFailed, calls=_ANY),
    Fault(name="403", error=Forbidden, calls=_ANY),
    Fault(name="409", error=Conflict, calls=_WRITES),
    Fault(name="denied", error=AdmissionDenied, calls=_WRITES),
    Fault(name="webhook down", error=WebhookFailed, calls=_WRITES),
    Fault(name="no answer", error=Unreachable, calls=_ANY),
    Fault(name="answer lost", error=Unreachable, calls=_WRITES, committed=True),
    Fault(name="no artifact", error=TransientError, calls=_FETCHES),
)


class Storm(Switch):
    """
    Lets the n-th call fail that can fail in a way, and may kill like any other switch.
    """

    def __init__(self) -> None:
        super().__init__()
        self._faults: dict[int, Fault] = {}
        self._able: dict[Fault, int] = {}
        self._late: dict[int, SetpointError] = {}

    def brew(
        self, *, at: int = 0, after: bool = False, faults: Mapping[int, Fault] | None = None
    ) -> None:
        """
        Let calls from now on fail by their numbers, and the one with the number ``at`` be the last.
        """
        self.at, self.after = len(self.calls) + at if at else 0, after
        self._faults = dict(faults or {})
        self._able = dict.fromkeys(self._faults.values(), 0)
        self._late.clear()

    def enter(self, name: str) -> None:
        super().enter(name)
        for fault in self._able:
            self._able[fault] += name in fault.calls
        for number, fault in list(self._faults.items()):
            if name not in fault.calls or self._able[fault] < number:
                continue
            del self._faults[number]
            error = fault.error(f"{name}: {fault.name}")
            if not fault.committed:
                raise error
            self._late[len(self.calls)] = error

    def leave(self, number: int) -> None:
        super().leave(number)
        error = self._late.pop(number, None)
        if error is not None:
            raise error
