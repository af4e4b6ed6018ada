"""
The named points of the services, at each of which the kill series ends a process.

After the ``#`` stands how often the process comes to the point until it dies there. Where a process
seldom comes, the first time is all.
"""

SERVICES = ("source", "reconciler", "notifier")
OFTEN, TWICE, ONCE = (1, 2, 5), (1, 2), (1,)
POINTS: dict[str, tuple[int, ...]] = {
    "source.stored": TWICE,
    "source.told": TWICE,
    "source.status": TWICE,
    "source.announced": TWICE,
    "reconciler.finalizer-set": ONCE,
    "reconciler.inventory-written": TWICE,
    "reconciler.applied": (1, 2, 5, 9),
    "reconciler.stage-applied": OFTEN,
    "reconciler.replaced-deleted": ONCE,
    "reconciler.managers-folded": ONCE,
    "reconciler.pruned": TWICE,
    "reconciler.all-pruned": TWICE,
    "reconciler.drift-told": TWICE,
    "reconciler.drift-healed": TWICE,
    "reconciler.receipts-saved": OFTEN,
    "reconciler.receipts-taken-back": OFTEN,
    "reconciler.finalizer-deleted": ONCE,
    "notifier.queued": OFTEN,
    "notifier.sent": OFTEN,
    "notifier.remembered": OFTEN,
    "notifier.buried": ONCE,
    "notifier.reset-told": ONCE,
}
