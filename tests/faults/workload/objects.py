"""
The objects that the workload declares: of several kinds, each with the number of its commit.
"""

import base64

from tests.faults.workload.journal import COMMIT, FORCE, Json

IMAGE = "registry.example.com/app"
TEXT = "some words"  # the same in each commit


def named(kind: str, name: str, number: int, api: str = "v1") -> Json:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {
            "name": name,
            "labels": {"tier": "one"},
            "annotations": {COMMIT: str(number)},
        },
    }


def config(name: str, number: int) -> Json:
    data = {"value": f"value-{number}", "text": TEXT}
    return {**named("ConfigMap", name, number), "data": data}


def immutable(name: str, number: int) -> Json:
    """
    Return one that can only be replaced, and asks for it.
    """
    found = {**config(name, number), "immutable": True}
    found["metadata"]["annotations"][FORCE] = "enabled"
    return found


def secret(name: str, number: int, canary: str) -> Json:
    text = base64.b64encode(f"{canary}-{number}".encode()).decode()
    return {**named("Secret", name, number), "type": "Opaque", "data": {"password": text}}


def account(name: str, number: int) -> Json:
    return named("ServiceAccount", name, number)


def service(name: str, number: int) -> Json:
    ports = [{"name": "http", "port": 8000 + number % 1000, "targetPort": "http"}]
    return {
        **named("Service", name, number),
        "spec": {"selector": {"app": name}, "ports": ports},
    }


def deployment(name: str, number: int, replicas: int = 0) -> Json:
    labels = {"app": name}
    container = {"name": "app", "image": f"{IMAGE}:{number}"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        **named("Deployment", name, number, "apps/v1"),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": template,
        },
    }


def role(name: str, number: int) -> Json:
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}
    return {**named("Role", name, number, "rbac.authorization.k8s.io/v1"), "rules": [rule]}


def binding(name: str, number: int) -> Json:
    api = "rbac.authorization.k8s.io"
    return {
        **named("RoleBinding", name, number, f"{api}/v1"),
        "roleRef": {"apiGroup": api, "kind": "Role", "name": name},
        "subjects": [{"apiGroup": api, "kind": "User", "name": "somebody"}],
    }


def refused(name: str, number: int) -> Json:
    """
    Return one that the API server refuses: its name is no name.
    """
    return config(f"{name}_Is_No_Name", number)
