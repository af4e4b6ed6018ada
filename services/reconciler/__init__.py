"""
reconciler: observe, render, plan, apply, prune, report.

Each Kustomization has one lane. A pass gathers, decides and acts; nothing in it waits for health,
which is a state fed by watches. The inventory is written before the apply and trimmed after a
confirmed deletion; absence of input never deletes.
"""
