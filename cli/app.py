"""
The command line: one function per command, each in a module of `cli.commands`.
"""

from collections.abc import Callable

import typer

from cli.commands.deadletters import deadletters
from cli.commands.down import down
from cli.commands.drift import drift
from cli.commands.events import events
from cli.commands.get import get
from cli.commands.install import install
from cli.commands.pause import pause, unpause
from cli.commands.reconcile import reconcile
from cli.commands.suspend import resume, suspend
from cli.commands.up import up
from cli.helping import Command
from cli.place import connects

app = typer.Typer(
    name="setpoint",
    help="GitOps for Kubernetes on a message bus: drift healed in under a second, and explained.",
    no_args_is_help=True,
    add_completion=False,
    # Plain help: frames cut long lines, and name types of the language.
    rich_markup_mode=None,
    # A traceback with every local value could show a secret.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_OF_THE_CLUSTER: tuple[Callable[..., None], ...] = (
    install,
    get,
    reconcile,
    suspend,
    resume,
    pause,
    unpause,
)
_OF_THE_BUS: tuple[Callable[..., None], ...] = (events, drift)

app.command(cls=Command)(up)
app.command(cls=Command)(down)
for command in _OF_THE_CLUSTER:
    app.command(cls=Command)(connects(command))
for command in _OF_THE_BUS:
    app.command(cls=Command)(connects(command, bus=True))
app.add_typer(deadletters, name="deadletters")
