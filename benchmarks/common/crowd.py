"""
Objects that nobody declares: what lives in a cluster beside what is managed.
"""

from collections.abc import Iterator, Sequence
from typing import Any

Json = dict[str, Any]
_SHARE = 20  # one of so many is a Deployment: its controller makes another object of each


def crowd(count: int, namespaces: Sequence[str]) -> Iterator[Json]:
    """
    Yield objects of common kinds, spread over the namespaces.
    """
    for number in range(count):
        meta = {"name": f"x{number:05}", "namespace": namespaces[number % len(namespaces)]}
        if number % _SHARE == 0:
            yield _deployment(meta)
        elif number % 2:
            yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": _data()}
        else:
            yield {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": _data()}


def _data() -> Json:
    return {"text": "some words of a setting\n" * 40}


def _deployment(meta: Json) -> Json:
    labels = {"app": meta["name"]}
    container = {"name": "app", "image": "registry.example.com/app:v1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
