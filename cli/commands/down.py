"""
`setpoint down`: stop what `setpoint up` started and remove its state.
"""

import typer


def down() -> None:
    """
    Stop a running `setpoint up` and remove its state in .setpoint/.

    Nothing is removed from a cluster that KUBECONFIG named; what stays there is said.

    Example: setpoint down
    """
    from cli.up.down import run_down  # noqa: PLC0415 - other commands need not wait for this import

    raise typer.Exit(run_down())
