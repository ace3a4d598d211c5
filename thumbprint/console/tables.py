"""The tables that commands show have one look."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from thumbprint.console.terminal import one_line


def notice(text: str) -> Text:
    """Returns what must not be overlooked."""
    return Text(f"SYNTHETIC: {text}", style="bold yellow")


def headed(title: str, table: Table) -> RenderableType:
    """Returns a table under its title, which wraps by the screen, not by the table."""
    return Group(Text(title, style="italic"), table)


def pairs(title: str, fields: Mapping[str, object]) -> RenderableType:
    """Returns a table of names and values."""
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name, one_line(_said(value)))
    return headed(title, table)


def _said(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
