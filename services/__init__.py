"""
The three services, and who says what to whom.

    source      polls Git, packs each new commit, stores it under its digest, and announces it
                on ``revisions.<cluster>.<kind>.<namespace>.<name>``.
    reconciler  hears of revisions, renders, applies, prunes, follows health and reverts drift.
    notifier    matches events to Alerts and delivers them; its receivers send ``look`` commands
                on ``commands.<cluster>.<kind>.<namespace>.<name>``.

source and reconciler both say what happened on
``events.<cluster>.<severity>.<kind>.<namespace>.<name>``. The services meet only there and at the
Kubernetes API: none imports another.
"""
