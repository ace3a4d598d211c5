"""Commands that are imported when they are run (or asked for their help), not before.

TensorFlow takes 8 s to import; a command line that loads every command up front pays for all of them
each time. Here a command stands in the list with its name and one line; the rest is in its module.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand
from typer.main import get_command

STYLE: Any = {"add_completion": False, "rich_markup_mode": "markdown"}
"""How every `typer.Typer` below the top is made: paragraphs of its help flow."""


class Lazy(NamedTuple):
    """One entry of the command line.

    Attributes:
        name: What is typed.
        target: `module:attribute`, a function with Typer's annotations or a `typer.Typer` of subcommands.
        summary: The line in the list: the first of the target's own help.
        panel: The heading it stands under.
    """

    name: str
    target: str
    summary: str
    panel: str

    def load(self) -> TyperCommand:
        """Imports the target. Returns the command it defines."""
        module, _, attribute = self.target.partition(":")
        target = getattr(importlib.import_module(module), attribute)
        if not isinstance(target, typer.Typer):
            single = typer.Typer(**STYLE)
            single.command(self.name)(target)
            target = single
        command: Any = get_command(target)
        command.name = self.name
        return command  # type: ignore[no-any-return]  # a group has all of it that is used here


def add(app: typer.Typer, entry: Lazy) -> None:
    """Lists `entry` in `app`."""

    class Placeholder(TyperCommand):
        def make_context(self, *args: Any, **kwargs: Any) -> Any:
            # Parsing, --help, running and completion all begin here and go on with the context's command.
            return entry.load().make_context(*args, **kwargs)

    def nothing() -> None:
        raise AssertionError("a placeholder's context is that of the command it stands for")

    app.command(entry.name, cls=Placeholder, help=entry.summary, rich_help_panel=entry.panel)(nothing)
