"""Groups of commands of which one needs no name: `privacy RUN` is short for `privacy show RUN`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


def group_with_default(default: str) -> type[TyperGroup]:
    """Returns a class of groups that take a first word which is no subcommand as the argument of `default`."""

    class WithDefault(TyperGroup):
        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            return super().resolve_command(ctx, args if args[0] in self.commands else [default, *args])

        @property
        def default(self) -> Any:
            return self.commands[default]

    return WithDefault
