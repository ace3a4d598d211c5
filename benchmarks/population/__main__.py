"""`python -m benchmarks.population`: CPU time and memory of each step of a training, by the number of users.

Writes `runs/benchmarks/population-N.json` for each number of users, and the table of docs/scale.md from all of them.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.measure.results import FOLDER, Figure, Machine, keep, write_between
from benchmarks.population.steps import STEPS, measure

MB = 1_000_000
MOST_MB = 1500
SIZES = (1_000, 10_000, 100_000, 1_000_000)
TEN_MILLION = 10_000_000
PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def main(
    users: Annotated[list[int] | None, typer.Option(min=100, help="A number of users; repeat it for several.")] = None,
    ten_million: Annotated[bool, typer.Option(help="Also 10,000,000 users; needs 15 GB of disk and hours.")] = False,
    skip: Annotated[list[str] | None, typer.Option(help="A step to leave out; repeat it for several.")] = None,
    scratch: Annotated[Path | None, typer.Option(help="Where the corpora are written; deleted afterwards.")] = None,
) -> None:
    """Measures each step with each number of users. Without --users: 1,000 to 1,000,000."""
    names = {step.name for step in STEPS}
    if unknown := set(skip or ()) - names:
        raise typer.BadParameter(f"no step is called {min(unknown)}: choose from {', '.join(sorted(names))}")
    for size in [*(users or SIZES), *([TEN_MILLION] if ten_million else [])]:
        machine = Machine.now()
        figures = []
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            for step in STEPS:
                if step.name in (skip or ()):
                    continue
                cost = measure(step, Path(folder), size)
                typer.echo(
                    f"{size:,} users, {step.name}: {cost.seconds:.1f} CPU seconds, {cost.peak / MB:.0f} MB", err=True
                )
                figures += [
                    Figure(f"{step.name}_seconds", f"{step.says}, CPU time", cost.seconds, "s"),
                    Figure(f"{step.name}_peak", f"{step.says}, peak", cost.peak / MB, "MB", at_most=MOST_MB),
                ]
                keep(f"population-{size}", figures, {"users": size}, machine)
    text = table()
    typer.echo(text)
    if not write_between(PAGE, "<!-- population -->", "<!-- /population -->", text):
        typer.echo(f"{PAGE} has no marks for the table: it is only printed", err=True)


def table() -> str:
    """Returns the stored measurements as a Markdown table, one column for each number of users."""
    sizes = [size for size in (*SIZES, TEN_MILLION) if _path(size).exists()]
    found = {size: json.loads(_path(size).read_text(encoding="utf-8"))["figures"] for size in sizes}
    lines = [f"| users | {' | '.join(f'{size:,}' for size in sizes)} |", f"| --- |{' ---: |' * len(sizes)}"]
    for step in STEPS:
        cells = [_cell(found[size], step.name) for size in sizes]
        lines.append(f"| {step.says} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(figures: dict[str, dict[str, float]], step: str) -> str:
    if f"{step}_seconds" not in figures:
        return "not measured"
    seconds, peak = (figures[f"{step}_{part}"]["value"] for part in ("seconds", "peak"))
    return f"{seconds:,.1f} s, {peak:,.0f} MB"


def _path(size: int) -> Path:
    return FOLDER / f"population-{size}.json"


if __name__ == "__main__":
    typer.run(main)
