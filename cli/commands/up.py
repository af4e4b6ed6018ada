"""
`setpoint up`: start everything on this machine and sync the example.
"""

import typer


def up() -> None:
    """
    Start NATS, a cluster, a Git server and the three services, and sync the example.

    It says what happens until Ctrl-C, which stops all that it started. With KUBECONFIG set, that
    cluster is used instead of one of its own. The state lies in .setpoint/ beside the checkout, or
    in the folder that SETPOINT_HOME names.

    Example: setpoint up, and in a second terminal: . .setpoint/activate && setpoint get all
    """
    from cli.up.run import run_up  # noqa: PLC0415 - other commands need not wait for this import

    raise typer.Exit(run_up())
