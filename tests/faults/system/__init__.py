"""
The whole system on real parts, each behind something that can be hurt.

A scenario begins with a converged system under load, hurts one part, lets it be well again, and
asks the oracle. The fixture ``rig`` (one per file, as a start takes ten seconds) holds the three::

    import asyncio

    import pytest

    from tests.faults.rig import Rig

    pytestmark = pytest.mark.asyncio(loop_scope="module")


    @pytest.mark.timeout(180)
    async def test_an_outage_of_the_bus_loses_nothing(rig: Rig):
        async with rig.workload.running():   # commits, drift and edits, until the block ends
            await rig.system.nats.stop()
            await asyncio.sleep(5)
            await rig.system.nats.start()
        await rig.judged(within=60)          # converged in that time, and no promise broken

What can be hurt:

- ``rig.system.services["source"]``: ``kill()``, ``arm("source.stored#2")`` (it dies there),
  ``freeze()``, ``thaw()``, ``stop()``, ``start(SETPOINT_...="...")``. Who dies starts again.
- ``rig.system.nats``: ``stop()``, ``start()``, ``wipe()``, ``freeze()``, ``thaw()``, ``proxy``.
  Wipe it in ``rig.wiping()``: what only the bus held may then be lost.
- ``rig.system.api``, ``.git.proxy``, ``.nats.proxy``, ``.sinks.proxy``: the ``Proxy`` of
  ``tests.fixtures.proxy`` (``refuse()``, ``listen()``, ``hang()``, ``resume()``, ``cut()``,
  ``reset()``, ``delay``). A file with a fixture of its own around ``rigged(folder, api="http")``
  has ``rig.system.http`` too, an ``ApiProxy`` that knows requests.
- A disk, with ``small_disk`` (it can be full) and ``loop_disk`` (its power can be cut, and it can
  turn read-only).
- ``rig.system.git.server.answer`` and ``rig.system.sinks.answers["plain"]``: other answers than
  the usual ones. What must end as dead letters goes to the sink ``signed``: ``plain`` gets all.

``rig.workload`` also does single things: ``commit(paths)``, ``alter(key)``, ``remove(key)``,
``declare(name, spec)``, ``dismiss(name)``, ``rewind(count)``; all of it goes into
``rig.workload.journal``, by which the oracle knows what ought to be. Whatever else a scenario
changes, it has to write there itself, as a ``Touch``. ``rig.oracle.record`` holds what was seen.
"""

from tests.faults.system.faulted import System, faulted

__all__ = ["System", "faulted"]
