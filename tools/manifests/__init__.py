"""
Write ``deploy/crds`` from the types in ``shared.api``: ``python -m tools.manifests [--check]``.
"""
