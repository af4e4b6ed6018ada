"""
Many Kustomizations with a path of its own each in one repository, and commits that change one.

Starts a system of its own with `setpoint up` and declares N Kustomizations of four objects each.
Each commit gives the Deployment of one of them, chosen at random with a seed, another image. The
clock starts before `git push`; it ends when a watch of this program sees the image, when the
Kustomization is Ready at the commit, and when all others have that revision in their status. A
smaller run before reads the API server's audit log: what was asked for because of a commit.

Renders are told from what the workers write: an install is one render per Kustomization.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog
import yaml

from benchmarks.common.floor import apply_all, image_tag
from benchmarks.common.kustomizations import GROUP, declaration, namespace, ready
from benchmarks.common.processes import Meter, children, workers, written
from benchmarks.common.report import say, summary, table, write
from benchmarks.common.requests import about_managed, asked, named
from benchmarks.common.sets import objects
from benchmarks.common.system import System, running
from benchmarks.common.watched import Watched

NAMESPACE = "own"
SEED = 4711
# A Receiver causes one look per source in 5 s: pushes that follow each other faster wait for it.
BETWEEN_PUSHES = 5.5
STATUS = "update kustomizations/status"
SETTLE = 3.0  # seconds for what comes last: statuses that nobody waits for, Kubernetes Events
Json = dict[str, Any]


def folder(name: str, tag: str) -> dict[str, str]:
    """
    Return the path of one Kustomization: all objects in one file.
    """
    return {f"own/{name}/objects.yaml": yaml.safe_dump_all(objects(name, "", tag))}


class Own:
    """
    One run.
    """

    def __init__(self, system: System, count: int) -> None:
        self.system, self.kube = system, system.kube
        self.names = [f"k{number:04}" for number in range(count)]
        self.chosen = random.Random(SEED)
        self.tags = 0
        self.per_render = 0.0
        self.result: Json = {"count": count}

    async def run(self, commits: int = 0, whole: int = 0, *, audited: int = 0) -> Json:
        await apply_all(self.kube, [namespace(NAMESPACE)])
        kinds = (GROUP, "Kustomization"), ("apps", "Deployment")
        self.kustomizations, self.deployments = [
            Watched(self.kube, await self.kube.resource(*kind), NAMESPACE) for kind in kinds
        ]
        async with asyncio.TaskGroup() as group:
            following = [
                group.create_task(one.follow()) for one in (self.kustomizations, self.deployments)
            ]
            say(f"install of {len(self.names)}")
            await self._install()
            if audited:
                say(f"{audited} commits with the audit log")
                self.result["commits"] = await self._audited(audited)
            else:
                say(f"{commits} commits, one Kustomization each")
                self.result["paced"] = await self._metered(self._paced(commits), commits)
                say(f"{whole} commits until all know the revision")
                self.result["whole"] = await self._metered(self._whole(whole), whole)
            for task in following:
                task.cancel()
        return self.result

    async def _install(self) -> None:
        await self.system.commit(
            {path: text for name in self.names for path, text in folder(name, "v0").items()}
        )
        begin, before = time.monotonic(), self._rendered()
        declared = [declaration(one, NAMESPACE, f"./own/{one}") for one in self.names]
        await apply_all(self.kube, declared, manager="bench")
        head = self.system.head
        await self.kustomizations.until(self.names, lambda one: ready(one, head))
        self.result["install_seconds"] = round(time.monotonic() - begin, 2)
        self.per_render = (self._rendered() - before) / len(self.names)

    async def _metered(self, work: Any, commits: int) -> Json:
        await asyncio.sleep(BETWEEN_PUSHES)
        meter, before = Meter(self.system), self._rendered()
        found: Json = await work
        used, rendered = meter.read(), self._rendered() - before
        return found | {
            "renders_each": round(rendered / self.per_render / commits, 2),
            "reconciler_cpu_ms_each": round(1000 * used["reconciler"].cpu / commits, 1),
            "workers_cpu_ms_each": round(1000 * workers(used, "reconciler").cpu / commits, 1),
            "usage": {part: asdict(one) for part, one in used.items()},
        }

    async def _paced(self, commits: int) -> Json:
        applied, told = [], []
        for _ in range(commits):
            begin = time.monotonic()
            name, tag, head = await self._commit()
            pushing = time.monotonic()
            image, known = self._moments(name, tag, head)
            await self.system.git("push", "--quiet")
            async with asyncio.timeout(60):
                applied.append(await image - pushing)
                told.append(await known - pushing)
            await asyncio.sleep(max(0.0, begin + BETWEEN_PUSHES - time.monotonic()))
        return {"applied": summary(applied), "ready": summary(told)}

    async def _whole(self, commits: int) -> Json:
        everybody = []
        for _ in range(commits):
            _, _, head = await self._commit()
            pushing = time.monotonic()
            await self.system.git("push", "--quiet")
            await self.kustomizations.until(self.names, lambda one, at=head: ready(one, at))
            everybody.append(time.monotonic() - pushing)
            await asyncio.sleep(max(SETTLE, BETWEEN_PUSHES - everybody[-1]))
        return {"all_know": summary(everybody)}

    async def _audited(self, commits: int) -> list[Json]:
        """
        Say what was asked for because of each commit, and in which order.
        """
        log, runs = self.system.logs / "audit.log", []
        for _ in range(commits):
            await asyncio.sleep(BETWEEN_PUSHES)
            name, _, head = await self._commit()
            offset = log.stat().st_size
            await self.system.git("push", "--quiet")
            await self.kustomizations.until(self.names, lambda one, at=head: ready(one, at))
            await asyncio.sleep(SETTLE)
            runs.append(_judged(list(asked(log, offset)), name))
        return runs

    async def _commit(self) -> tuple[str, str, str]:
        self.tags += 1
        name, tag = self.chosen.choice(self.names), f"v{self.tags}"
        await self.system.commit(folder(name, tag), push=False)
        return name, tag, self.system.head

    def _moments(
        self, name: str, tag: str, head: str
    ) -> tuple["asyncio.Future[float]", "asyncio.Future[float]"]:
        return (
            self.deployments.when(name, lambda one: image_tag(one) == tag),
            self.kustomizations.when(name, lambda one: ready(one, head)),
        )

    def _rendered(self) -> int:
        return sum(written(pid) for pid in children(self.system.pid("reconciler")))


def _judged(entries: list[Json], changed: str) -> Json:
    """
    Say what the requests after one commit were about; the audit log is in the order of answers.
    """
    about = [(named(one), (one.get("objectRef") or {}).get("name", "")) for one in entries]
    requests = Counter(what for what, _ in about)
    statuses = [name for what, name in about if what == STATUS]
    first_other = next(
        (n for n, (what, name) in enumerate(about) if _other(what, name, changed)), 0
    )
    applies = [n for n, (what, _) in enumerate(about) if what == "patch deployments"]
    others = [(what, name) for what, name in about if name and not name.startswith(changed)]
    return {
        "managed": about_managed(requests),
        "applied": sum(what == "patch deployments" and name == changed for what, name in about),
        "statuses": len(statuses),
        "statuses_of_changed": statuses.count(changed),
        "about_others_beside_status": sum(
            what != STATUS and not what.endswith(" events") for what, _ in others
        ),
        "others_after_applied": bool(applies) and first_other > applies[0],
        "others_before_applied": sum(
            _other(what, name, changed) for what, name in about[: applies[0] if applies else None]
        ),
        "others_before_status": sum(
            _other(what, name, changed) for what, name in about[: _last_status(about, changed)]
        ),
        "requests": dict(requests),
    }


def _last_status(about: list[tuple[str, str]], changed: str) -> int:
    found = [n for n, one in enumerate(about) if one == (STATUS, changed)]
    return found[-1] if found else len(about)


def _other(what: str, name: str, changed: str) -> bool:
    return what == STATUS and name.startswith("k") and name != changed


async def small(count: int, commits: int) -> Json:
    """
    Run with the audit log.
    """
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as home:
        async with running(Path(home), audit=True) as system:
            return await Own(system, count).run(audited=commits)


async def measure(count: int, commits: int, whole: int) -> Json:
    """
    Run without it.
    """
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as home:
        async with running(Path(home)) as system:
            return await Own(system, count).run(commits, whole)


def rows(result: Json) -> list[list[object]]:
    """
    Return the table.
    """
    found: list[list[object]] = [["", "n", "p50 ms", "p99 ms", "max ms"]]
    for text, part, figure in (
        ("push -> applied", "paced", "applied"),
        ("push -> Ready", "paced", "ready"),
        ("push -> all know the revision", "whole", "all_know"),
    ):
        one = result[part][figure]
        found.append([text, *(one[key] for key in ("n", "p50_ms", "p99_ms", "max_ms"))])
    return found


def main() -> None:
    """
    Measure, print the table and write the file.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--commits", type=int, default=30)
    parser.add_argument("--whole", type=int, default=3)
    parser.add_argument("--audited", type=int, default=100, help="size of the run with the log")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    audited = asyncio.run(small(given.audited, 3)) if given.audited else {}
    result = asyncio.run(measure(given.count, given.commits, given.whole))
    print(table(rows(result)))
    for part in ("paced", "whole"):
        keys = ("renders_each", "reconciler_cpu_ms_each", "workers_cpu_ms_each")
        print(f"{part}, of each commit: {', '.join(f'{key} {result[part][key]}' for key in keys)}")
    for one in audited.get("commits", ()):
        print(f"of {audited['count']}: { {k: v for k, v in one.items() if k != 'requests'} }")
    write("own", result | {"audited": audited})


if __name__ == "__main__":
    main()
