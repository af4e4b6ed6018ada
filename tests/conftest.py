"""
Fixtures of all tests. Each file in tests/fixtures holds those of one area and is named here.
"""

pytest_plugins = [
    "tests.fixtures.cluster",
    "tests.fixtures.nats",
    "tests.fixtures.notifier",
    "tests.fixtures.source",
    "tests.fixtures.reconciler",
]
