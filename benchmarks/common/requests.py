"""
Requests as the API server counts them: by everybody from its metrics, by one client from the log.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.kube.requests import Call, Requests
from shared.kube.session import open_access
from shared.kube.translate import Target

_LINE = re.compile(r"^apiserver_request_total\{(?P<labels>.*)\} (?P<count>\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
Json = dict[str, Any]
# What goes on all the time, whatever a pass does.
AROUND = {"update leases", "patch leases", "get leases", "get /readyz"}


async def counted(kubeconfig: Path) -> Counter[str]:
    """
    Read how many requests the API server has answered, as ``<verb> <resource>[/<subresource>]``.
    """
    requests = Requests(open_access(kubeconfig), agent="bench", parallel=1)
    target = Target(verb="get", kind="API server", name="metrics")
    call = Call(method="GET", path="/metrics", target=target, accept="text/plain")
    try:
        text = await requests.send(call)
    finally:
        await requests.close()
    found: Counter[str] = Counter()
    for line in text.decode().splitlines():
        match = _LINE.match(line)
        if match:
            labels = dict(_LABEL.findall(match["labels"]))
            parts = filter(None, (labels.get("resource"), labels.get("subresource")))
            found[f"{labels['verb'].lower()} {'/'.join(parts)}"] += int(float(match["count"]))
    return found


def asked(log: Path, offset: int, agent: str = "setpoint-reconciler") -> Iterator[Json]:
    """
    Yield the entries of what one client asked for since, watches and the Lease left out.
    """
    with log.open("rb") as file:
        file.seek(offset)
        whole, _, _ = file.read().rpartition(b"\n")
    for entry in map(json.loads, whole.splitlines()):
        ours = entry.get("userAgent", "").startswith(agent)
        if (
            ours
            and entry["stage"] == "ResponseComplete"
            and entry["verb"] != "watch"
            and named(entry) not in AROUND
        ):
            yield entry


def named(entry: Json) -> str:
    """
    Name what an entry asks for, as ``<verb> <resource>[/<subresource>]``.
    """
    about = entry.get("objectRef") or {}
    parts = filter(None, (about.get("resource"), about.get("subresource")))
    return f"{entry['verb']} {'/'.join(parts) or entry['requestURI']}"


def by_agent(log: Path, offset: int, agent: str = "setpoint-reconciler") -> Counter[str]:
    """
    Count what one client asked for since, watches and the Lease left out.
    """
    return Counter(map(named, asked(log, offset, agent)))


def about_managed(requests: Counter[str]) -> int:
    """
    Count what went to managed objects: not our own kind, nor Events.
    """
    return sum(
        count
        for name, count in requests.items()
        if "kustomizations" not in name and not name.endswith(" events")
    )
