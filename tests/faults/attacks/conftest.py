"""
The fixtures of the integration tests, for inputs that want something.
"""

from tests.integration.notifier.conftest import declare, notifier
from tests.integration.renderer.conftest import manifest, pack_raw, pool, program, render
from tests.integration.source.conftest import ask, origin, repo, server, workers

__all__ = [
    "ask",
    "declare",
    "manifest",
    "notifier",
    "origin",
    "pack_raw",
    "pool",
    "program",
    "render",
    "repo",
    "server",
    "workers",
]
