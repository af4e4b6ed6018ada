"""
The plan: what a pass would do, as a value that can be printed, compared and refused.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.reconciler.core.inventory import Inventory
from services.reconciler.core.manifest import Desired, Refusal
from services.reconciler.core.options import ObjectOptions, Ssa, effective
from services.reconciler.core.order import delete_order, stages
from services.reconciler.core.receipt import Receipt
from shared.model import ObjectKey


class Action(StrEnum):
    """
    What is done to one object, or was done.
    """

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SKIPPED = "skipped"

    @property
    def changes(self) -> bool:
        """
        Say whether the object is another one after it.
        """
        return self in {Action.CREATED, Action.CONFIGURED, Action.DELETED}


class Gate(StrEnum):
    """
    Why nothing may be pruned in this pass; the text is for people.
    """

    PRUNE_DISABLED = "spec.prune is false"
    REFUSED = "an object of this pass was refused; mend it, then stale objects are deleted"
    UNREADABLE = "an input of this pass could not be read"
    EMPTY = (
        "nothing was rendered from a path that had objects; if that is meant, annotate the"
        " Kustomization with setpoint.dev/allow-empty: enabled"
    )
    OLDER = "a newer revision is recorded"
    WIPED = "the bus was just found wiped; the next pass may delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    One action on one object, with its reason.

    ``desired`` is what is sent; None for a deletion.
    """

    key: ObjectKey
    action: Action
    reason: str
    desired: Desired | None = None

    @property
    def sends(self) -> bool:
        """
        Say whether this step sends an apply.
        """
        return self.action in {Action.CREATED, Action.CONFIGURED}

    def __str__(self) -> str:
        return f"{self.action:<10} {self.key} ({self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What is known of one object before the pass, from memory or from a read.

    Args:
        receipt: Of our last apply, if there is one.
        drifted: Somebody changed it, or nobody can tell without an apply.
        exists: Whether it is there; None if nobody looked.
        options: What the live object asks for.

    """

    receipt: Receipt | None = None
    drifted: bool = False
    exists: bool | None = None
    options: ObjectOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    Everything that a plan is made from.

    ``handed`` are objects that another Kustomization declares now and has not applied yet.
    """

    desired: tuple[Desired, ...]
    inventory: Inventory
    known: Mapping[ObjectKey, Known] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    handed: AbstractSet[ObjectKey] = frozenset()
    prune: bool = True
    allow_empty: bool = False
    unreadable: bool = False
    older: bool = False
    wiped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    Stages of applies, deletions in their order, and the gates that are closed.

    With a closed gate nothing of ``prunes`` may be done in this pass.
    """

    stages: tuple[tuple[Step, ...], ...] = ()
    prunes: tuple[Step, ...] = ()
    gates: tuple[Gate, ...] = ()
    refused: tuple[Refusal, ...] = ()
    inventory: Inventory = field(default_factory=Inventory.empty)

    @property
    def applies(self) -> tuple[Step, ...]:
        """
        Return the steps that send an apply, in their order.
        """
        return tuple(step for stage in self.stages for step in stage if step.sends)

    @property
    def may_prune(self) -> bool:
        """
        Say whether the deletions may be done.
        """
        return not self.gates

    @property
    def changes_nothing(self) -> bool:
        """
        Say whether no request about a managed object is needed.
        """
        return not self.applies and not (self.prunes and self.may_prune)

    @property
    def empties(self) -> bool:
        """
        Say whether the pass must end with ``EmptyDesiredState``.
        """
        return Gate.EMPTY in self.gates

    def __str__(self) -> str:
        lines: list[str] = []
        for number, stage in enumerate(self.stages, start=1):
            lines.append(f"stage {number}")
            lines.extend(f"  {step}" for step in stage)
        if self.prunes:
            lines.append("prune" if self.may_prune else "prune (waits)")
            lines.extend(f"  {step}" for step in self.prunes)
        lines.extend(f"gate closed: {gate}" for gate in self.gates)
        lines.extend(f"refused: {refusal}" for refusal in self.refused)
        return "\n".join(lines) or "nothing to do"


def make_plan(facts: Facts) -> Plan:
    """
    Decide what a pass does.
    """
    new = Inventory.of(facts.desired)
    # A refused object is still declared: it may exist, and must not be taken for removed.
    declared = new.keys | {one.key for one in facts.refused if one.key is not None} | facts.handed
    stale = [key for key in facts.inventory if key not in declared]
    return Plan(
        stages=tuple(tuple(_step(one, facts) for one in stage) for stage in stages(facts.desired)),
        prunes=tuple(
            Step(key=key, action=Action.DELETED, reason="no longer declared")
            for key in delete_order(stale)
        ),
        gates=tuple(_gates(facts, stale=bool(stale))),
        refused=facts.refused,
        inventory=facts.inventory.union(new),
    )


def action_of(
    response: Mapping[str, Any], before: Receipt | None, *, existed: bool | None
) -> Action:
    """
    Tell from the answer to an apply what it did.

    Args:
        response: Of the API server.
        before: What was last known of the object; its resourceVersion stands for its content.
        existed: Whether the object was there; None if nobody looked.

    """
    metadata = response.get("metadata") or {}
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    if before is not None and before.uid == uid:
        return Action.UNCHANGED if before.resource_version == version else Action.CONFIGURED
    if before is not None or existed is False:
        return Action.CREATED
    if existed:
        return Action.CONFIGURED
    times = {str(one.get("time")) for one in metadata.get("managedFields") or ()}
    return Action.CREATED if times == {metadata.get("creationTimestamp")} else Action.CONFIGURED


def _step(one: Desired, facts: Facts) -> Step:
    known = facts.known.get(one.key, Known())
    action, reason = _judge(one, known, recorded=one.key in facts.inventory.entries)
    return Step(key=one.key, action=action, reason=reason, desired=one)


def _judge(  # noqa: PLR0911  a ladder of rules
    one: Desired, known: Known, *, recorded: bool
) -> tuple[Action, str]:
    options = effective(one.options, known.options)
    if options.ignored:
        return Action.SKIPPED, "reconciliation is disabled on the object"
    if options.ssa is Ssa.IF_NOT_PRESENT and _exists(known):
        return Action.SKIPPED, "ssa is IfNotPresent and the object exists"
    receipt = known.receipt
    if known.exists is False:
        return Action.CREATED, "is not there" if recorded else "is new"
    if receipt is None:
        if recorded or known.exists:
            return Action.CONFIGURED, "was not applied by this process"
        return Action.CREATED, "is new"
    if receipt.desired_digest != one.digest:
        return Action.CONFIGURED, "declared otherwise"
    if known.drifted:
        return Action.CONFIGURED, "live state differs or must be verified"
    return Action.UNCHANGED, "as applied"


def _exists(known: Known) -> bool:
    return known.exists is True or (known.exists is None and known.receipt is not None)


def _gates(facts: Facts, *, stale: bool) -> Iterable[Gate]:
    rendered_none = not facts.desired and not facts.refused
    if rendered_none and len(facts.inventory) and not facts.allow_empty:
        yield Gate.EMPTY
    if stale:
        closed: Mapping[Gate, bool] = {
            Gate.PRUNE_DISABLED: not facts.prune,
            Gate.REFUSED: bool(facts.refused),
            Gate.UNREADABLE: facts.unreadable,
            Gate.OLDER: facts.older,
            Gate.WIPED: facts.wiped,
        }
        yield from (gate for gate, is_closed in closed.items() if is_closed)


def with_refused(plan: Plan, refused: Iterable[Refusal]) -> Plan:
    """
    Note what was refused while the plan was carried out: it closes the gate of the prune.
    """
    new = (*plan.refused, *refused)
    gates = plan.gates
    if new and plan.prunes and Gate.REFUSED not in gates:
        gates = (*gates, Gate.REFUSED)
    return Plan(
        stages=plan.stages,
        prunes=plan.prunes,
        gates=gates,
        refused=new,
        inventory=plan.inventory,
    )
