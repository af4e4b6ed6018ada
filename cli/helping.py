"""
Help as people read it: arguments by what is typed, without the types of the language.
"""

from typing import Any

from typer.core import TyperArgument, TyperCommand


class Command(TyperCommand):
    """
    A command whose arguments are named by their metavars alone.
    """

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002 - theirs
        """
        Return the words of the line Usage after the name of the command.
        """
        return ["[OPTIONS]", *(str(one.metavar) for one in self._arguments())]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """
        Write the arguments and the options.
        """
        arguments = [(str(one.metavar), one.help or "") for one in self._arguments()]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        others = [one for one in self.get_params(ctx) if not isinstance(one, TyperArgument)]
        records = [record for one in others if (record := one.get_help_record(ctx)) is not None]
        with formatter.section("Options"):
            formatter.write_dl(records)

    def _arguments(self) -> list[TyperArgument]:
        return [one for one in self.params if isinstance(one, TyperArgument)]
