"""
`setpoint install`: put the definitions of our kinds into a cluster.
"""

from importlib.metadata import version

import typer

from cli import cluster
from cli.cluster import Context
from shared.api import KINDS
from shared.api.crd import definition
from shared.kube import Kube


def install(context: Context = "") -> None:
    """
    Apply the CustomResourceDefinitions to the cluster.

    Example: setpoint install --context staging
    """

    async def work(kube: Kube) -> None:
        resource = await kube.resource("apiextensions.k8s.io", "CustomResourceDefinition")
        for info in KINDS:
            await kube.apply(
                resource,
                definition(info, version=f"v{version('setpoint')}"),
                manager=cluster.MANAGER,
            )
            typer.echo(f"✔ {info.crd_name}")

    cluster.run(work, context)
