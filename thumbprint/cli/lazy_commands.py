"""Commands that are imported only when they run or show their help.

TensorFlow alone takes 8 s to import. Here a command has a name and one line for the list; the rest is in its module.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand
from typer.main import get_command

STYLE: Any = {"add_completion": False, "rich_markup_mode": "markdown"}
"""Arguments of every `typer.Typer` below the top: its help is Markdown, so lines of a paragraph are joined."""


class LazyCommand(NamedTuple):
    """One entry of the command line.

    Attributes:
        name: What the user types.
        target: `module:attribute`, a function with Typer's annotations or a `typer.Typer` of subcommands.
        summary: The line in the list: the first line of the target's own help.
        panel: The heading in the list.
    """

    name: str
    target: str
    summary: str
    panel: str

    def load(self) -> TyperCommand:
        """Imports the target. Returns its command."""
        module, _, attribute = self.target.partition(":")
        target = getattr(importlib.import_module(module), attribute)
        if not isinstance(target, typer.Typer):
            single = typer.Typer(**STYLE)
            single.command(self.name)(target)
            target = single
        command: Any = get_command(target)
        command.name = self.name
        return command  # type: ignore[no-any-return]  # a group has all attributes that are used here


def add(app: typer.Typer, entry: LazyCommand) -> None:
    """Lists `entry` in `app`."""

    class Placeholder(TyperCommand):
        def make_context(self, *args: Any, **kwargs: Any) -> Any:
            # Parsing, --help, running and completion all start here, and continue with the command of the context.
            return entry.load().make_context(*args, **kwargs)

    def unreachable() -> None:
        raise AssertionError("the context of a placeholder belongs to the loaded command")

    app.command(entry.name, cls=Placeholder, help=entry.summary, rich_help_panel=entry.panel)(unreachable)
