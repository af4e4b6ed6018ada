"""
Sets of four objects: the Deployment without replicas, its Service, ServiceAccount and Ingress.
"""

from typing import Any

import yaml

Json = dict[str, Any]

# What each set writes, in kinds of its own: group and kind.
KINDS = (
    ("", "ServiceAccount"),
    ("", "Service"),
    ("apps", "Deployment"),
    ("networking.k8s.io", "Ingress"),
)


def objects(name: str, namespace: str, tag: str) -> list[Json]:
    """
    Return one set, with an image of that tag; without a namespace if that is empty.
    """
    meta: Json = {"name": name} | ({"namespace": namespace} if namespace else {})
    labels = {"app": name}
    container = {
        "name": "app",
        "image": f"registry.example.com/app:{tag}",
        "ports": [{"containerPort": 8080, "name": "http"}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    backend = {"service": {"name": name, "port": {"name": "http"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {
                "selector": labels,
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"serviceAccountName": name, "containers": [container]},
                },
            },
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": meta,
            "spec": {"rules": [{"host": f"{name}.example.com", "http": {"paths": [path]}}]},
        },
    ]


def files(folder: str, tag: str) -> dict[str, str]:
    """
    Return the files of a folder that holds one set, by their paths.
    """
    found = {f"{one['kind'].lower()}.yaml": yaml.safe_dump(one) for one in objects("app", "", tag)}
    listing = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(found),
    }
    found["kustomization.yaml"] = yaml.safe_dump(listing)
    return {f"{folder}/{name}": text for name, text in found.items()}
