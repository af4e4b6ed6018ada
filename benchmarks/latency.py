"""
How long a push takes to be in the cluster, drift to be reverted, and what a quiet pass asks for.

Starts a system of its own with `setpoint up`, prints one table and writes results/latency.json.
The clock of a push starts before `git push`, that of drift before the request that causes it; both
end when a watch of this program sees the object.
"""

import argparse
import asyncio
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from shared.kube import Kube, Resource
from shared.kube.watch import Changed, Listed

RESULT = Path(__file__).parent / "results" / "latency.json"
SETPOINT = Path(sys.executable).with_name("setpoint")
KUSTOMIZATIONS = ("example", "infrastructure", "apps-staging", "apps-production")
# A Receiver causes one look per source in 5 s: pushes that follow each other faster wait for it.
BETWEEN_PUSHES = 5.5
BETWEEN_EDITS = 0.3
START_TIMEOUT, WAIT_TIMEOUT, STOP_TIMEOUT = 120.0, 60.0, 15.0
STAGING = Path("apps/staging")
# What the example manages; its Kustomizations are both managed and ours to write a status for.
OURS = "kustomizations"
OBJECT = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
data:
  value: "{value}"
"""


class Bench:
    """
    A running system, a clone of its repository and a watch of the objects that are measured.
    """

    def __init__(self, home: Path, env: dict[str, str], kube: Kube) -> None:
        self.home, self.env, self.kube = home, env, kube
        self.work = home / "work"
        self.configmaps: Resource
        # By name: the value, and the version in which it was seen.
        self.values: dict[str, tuple[str, int]] = {}
        self.changed = asyncio.Condition()

    async def follow(self) -> None:
        async with aclosing(self.kube.watch(self.configmaps, namespace="staging")) as events:
            async for event in events:
                found = event.items if isinstance(event, Listed) else ()
                found = (event.object,) if isinstance(event, Changed) else found
                async with self.changed:
                    for one in found:
                        value = one.get("data", {}).get("value", "")
                        self.values[one["metadata"]["name"]] = value, _version(one)
                    self.changed.notify_all()

    async def seen(self, name: str, value: str, after: int = 0) -> None:
        def is_there() -> bool:
            found, version = self.values.get(name, ("", 0))
            return found == value and version > after

        async with asyncio.timeout(WAIT_TIMEOUT), self.changed:
            await self.changed.wait_for(is_there)

    async def git(self, *words: str, cwd: Path | None = None) -> None:
        who = ["-c", "user.name=Bench", "-c", "user.email=bench@example.com"]
        process = await asyncio.create_subprocess_exec(
            "git", *who, *words, cwd=cwd or self.work, stdout=subprocess.DEVNULL, stderr=-1
        )
        _, said = await process.communicate()
        if process.returncode:
            raise SystemExit(f"git {words[0]}: {said.decode()}")

    async def commit(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.work / STAGING / name).write_text(text)
        await self.git("add", "--all")
        await self.git("commit", "--quiet", "--message", "Measure")

    async def pushes(self, count: int) -> list[float]:
        taken = []
        for number in range(count):
            await asyncio.sleep(BETWEEN_PUSHES)
            await self.commit({"pushed.yaml": OBJECT.format(name="pushed", value=number)})
            begin = time.monotonic()
            await self.git("push", "--quiet")
            await self.seen("pushed", str(number))
            taken.append(time.monotonic() - begin)
        return taken

    async def edits(self, names: list[str]) -> list[float]:
        taken = []
        for name in names:
            await asyncio.sleep(BETWEEN_EDITS)
            patch: dict[str, Any] = {"data": {"value": "by hand"}}
            begin = time.monotonic()
            edited = await self.kube.merge_patch(
                self.configmaps, "staging", name, patch, manager="somebody"
            )
            # Our watch may show the edit and its revert at once: versions tell them apart.
            await self.seen(name, "declared", after=_version(edited))
            taken.append(time.monotonic() - begin)
        return taken

    async def quiet_pass(self) -> Counter[str]:
        """
        Ask every Kustomization for a pass and count the requests of the reconciler meanwhile.
        """
        kind = await self.kube.resource("kustomize.toolkit.fluxcd.io", "Kustomization")
        log = self.home / ".setpoint" / "logs" / "audit.log"
        await asyncio.sleep(BETWEEN_PUSHES)
        offset, token = log.stat().st_size, str(time.time())
        patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}}
        for name in KUSTOMIZATIONS:
            await self.kube.merge_patch(kind, "flux-system", name, patch, manager="bench")
        async with asyncio.timeout(WAIT_TIMEOUT):
            for name in KUSTOMIZATIONS:
                while (await self._handled(kind, name)) != token:  # noqa: ASYNC110 - a status
                    await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        return _requests(log, offset)

    async def _handled(self, kind: Resource, name: str) -> str:
        found = await self.kube.get(kind, "flux-system", name) or {}
        return str(found.get("status", {}).get("lastHandledReconcileAt", ""))


def _version(obj: dict[str, Any]) -> int:
    return int(obj["metadata"]["resourceVersion"])


def _requests(log: Path, offset: int) -> Counter[str]:
    with log.open("rb") as file:
        file.seek(offset)
        lines = file.read().splitlines()
    found: Counter[str] = Counter()
    for entry in map(json.loads, lines):
        about = entry.get("objectRef") or {}
        ours = entry.get("userAgent", "").startswith("setpoint-reconciler")
        if ours and entry["stage"] == "ResponseComplete" and entry["verb"] != "watch":
            parts = (about.get("resource"), about.get("subresource"))
            found[f"{entry['verb']} {'/'.join(filter(None, parts))}"] += 1
    return found


def managed(requests: Counter[str]) -> int:
    """
    Count what went to managed objects: not our own kind's status, the Lease or Events.
    """
    about = {f"patch {OURS}/status", f"get {OURS}", "update leases", "patch leases", "get leases"}
    return sum(
        count
        for name, count in requests.items()
        if name not in about and not name.endswith(" events")
    )


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[dict[str, str]]:
    """
    Run `setpoint up` in a folder and give its env when the example is Ready.
    """
    given = {name: text for name, text in os.environ.items() if name != "KUBECONFIG"}
    with (home / "said").open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            SETPOINT,
            "up",
            env=given | {"SETPOINT_HOME": str(home), "SETPOINT_UP_AUDIT": "yes"},
            stdout=said,
            stderr=said,
        )
    env = home / ".setpoint" / "env"
    try:
        async with asyncio.timeout(START_TIMEOUT):
            while not env.exists():
                if process.returncode is not None:
                    raise SystemExit((home / "said").read_text())
                await asyncio.sleep(0.1)
        pairs = (line.split("=", 1) for line in env.read_text().splitlines())
        yield {name: shlex.split(value)[0] for name, value in pairs}
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(STOP_TIMEOUT):
            await process.wait()


async def measure(commits: int, edits: int, say: Callable[[str], None]) -> dict[str, Any]:
    """
    Measure all three and return the result.
    """
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        home = Path(folder)
        say("starting")
        begin = time.monotonic()
        async with running(home) as env, asyncio.TaskGroup() as group:
            ready = time.monotonic() - begin
            kube = await Kube.connect(Path(env["KUBECONFIG"]), name="bench")
            bench = Bench(home, env, kube)
            bench.configmaps = await kube.resource("", "ConfigMap")
            following = group.create_task(bench.follow())
            names = [f"drifted-{number}" for number in range(edits)]
            await prepare(bench, names)
            say(f"{commits} pushes")
            pushed = await bench.pushes(commits)
            say(f"{edits} edits")
            reverted = await bench.edits(names)
            say("one pass that changes nothing")
            quiet = await bench.quiet_pass()
            following.cancel()
            await kube.close()
    return {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "ready_seconds": round(ready, 2),
        "push_to_applied": summary(pushed),
        "drift_to_reverted": summary(reverted),
        "quiet_pass": {"managed_objects": managed(quiet), "all_requests": dict(quiet)},
    }


async def prepare(bench: Bench, names: list[str]) -> None:
    """
    Push the objects that are edited: each once, since many edits of one object are a fight.
    """
    await bench.git("clone", "--quiet", bench.env["GIT_URL"], str(bench.work), cwd=bench.home)
    listed = (bench.work / STAGING / "kustomization.yaml").read_text()
    objects = "---\n".join(OBJECT.format(name=name, value="declared") for name in names)
    files = "- ../base\n  - pushed.yaml\n  - drifted.yaml"
    await bench.commit(
        {
            "kustomization.yaml": listed.replace("- ../base", files),
            "pushed.yaml": OBJECT.format(name="pushed", value="first"),
            "drifted.yaml": objects,
        }
    )
    await bench.git("push", "--quiet")
    for name in names:
        await bench.seen(name, "declared")


def summary(seconds: list[float]) -> dict[str, Any]:
    """
    Return the figures of one measurement, in milliseconds.
    """
    values = sorted(value * 1000 for value in seconds)
    last = values[min(len(values) - 1, round(0.99 * (len(values) - 1)))]
    return {
        "n": len(values),
        "p50_ms": round(statistics.median(values)),
        "p99_ms": round(last),
        "max_ms": round(values[-1]),
    }


def table(result: dict[str, Any]) -> str:
    """
    Write the result for people.
    """
    rows: list[tuple[str, ...]] = [("", "n", "p50", "p99", "max")]
    for key, text in (
        ("push_to_applied", "push -> applied"),
        ("drift_to_reverted", "drift -> reverted"),
    ):
        one = result[key]
        times = (f"{one[part]} ms" for part in ("p50_ms", "p99_ms", "max_ms"))
        rows.append((text, str(one["n"]), *times))
    lines = [f"{a:<20}{b:>6}{c:>10}{d:>10}{e:>10}" for a, b, c, d, e in rows]
    quiet = result["quiet_pass"]
    lines += [
        "",
        f"requests about managed objects in a quiet pass: {quiet['managed_objects']}",
        f"ready after {result['ready_seconds']} s; {result['machine']}",
    ]
    return "\n".join(lines)


def main() -> None:
    """
    Measure, print the table and write the file.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=20)
    parser.add_argument("--edits", type=int, default=50)
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    result = asyncio.run(measure(given.commits, given.edits, lambda text: print(f"# {text}")))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))


if __name__ == "__main__":
    main()
