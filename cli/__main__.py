"""
The command line: one function per command, each in a module of `cli.commands`.
"""

import typer

from cli.commands.down import down
from cli.commands.drift import drift
from cli.commands.get import get
from cli.commands.install import install
from cli.commands.reconcile import reconcile
from cli.commands.suspend import resume, suspend
from cli.commands.up import up
from cli.place import connects

app = typer.Typer(
    name="setpoint",
    help="GitOps for Kubernetes on a message bus: drift healed in under a second, and explained.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with every local value could show a secret.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(up)
app.command()(down)
for command in (install, get, reconcile, suspend, resume, drift):
    app.command()(connects(command))


def main() -> None:
    """
    Run the command that the arguments name.
    """
    app()


if __name__ == "__main__":
    main()
