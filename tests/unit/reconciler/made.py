"""
Small objects for the tests of decisions.
"""

from services.reconciler.core.manifest import desired_of
from shared.model import ObjectKey

RBAC = "rbac.authorization.k8s.io"


def key(kind, name, namespace="", group=""):
    return ObjectKey(group=group, kind=kind, namespace=namespace, name=name)


def obj(kind, name, namespace="", api_version="v1", **body):
    metadata = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata.update(body.pop("metadata", {}))
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def desired(kind, name, namespace="", api_version="v1", **body):
    return desired_of(obj(kind, name, namespace, api_version, **body))


def definition(plural="widgets", group="example.org", kind="Widget", scope="Namespaced"):
    return obj(
        "CustomResourceDefinition",
        f"{plural}.{group}",
        api_version="apiextensions.k8s.io/v1",
        spec={"group": group, "scope": scope, "names": {"kind": kind, "plural": plural}},
    )
