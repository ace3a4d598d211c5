"""The fuzzer: `python -m benchmarks.fuzz --minutes N`, or `--replay FINDING` for one saved input.

Every input is decided by the seed and its number, and runs in a child process with limits (see `target.Limits`).
The findings, and how far each target got, lie in `--out`. A run with the same seed continues there. Ctrl-C ends a run
early and keeps what it did. The exit code is 1 if there are findings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from benchmarks.fuzz.campaign import Campaign
from benchmarks.fuzz.findings import load_input
from benchmarks.fuzz.keeper import Keeper
from benchmarks.fuzz.target import Limits, Target
from benchmarks.fuzz.targets.adapters import Adapters
from benchmarks.fuzz.targets.bundles import bundle_targets
from benchmarks.fuzz.targets.corpora import Corpora
from benchmarks.fuzz.targets.databases import CorpusFiles, PhoneHistories, ServiceDatabases
from benchmarks.fuzz.targets.http_requests import Requests
from benchmarks.fuzz.targets.source_databases import SourceDatabases
from benchmarks.fuzz.targets.texts import Texts
from benchmarks.material.material import make_material

_OUT = Path("runs/fuzz")


def main(
    minutes: Annotated[float, typer.Option(min=0, help="How long to run.")] = 60,
    cases: Annotated[float, typer.Option(min=1, help="Inputs of each target at most.")] = math.inf,
    seed: Annotated[int, typer.Option(help="Decides every input together with its number.")] = 0,
    target: Annotated[list[str] | None, typer.Option(help="Run only this target; can be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="The folder of the state and the findings.")] = _OUT,
    jobs: Annotated[int, typer.Option(min=1, help="Child processes that work at once.")] = 2,
    bundle: Annotated[Path | None, typer.Option(help="A bundle to damage; without it, a small untrained one.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Run the input of this finding again, and nothing else.")] = None,
) -> None:
    """Feeds damaged and hostile input to every reader of this project."""
    console = Console()
    known = {each.name: each for each in make_targets(out, bundle)}
    if unknown := set(target or ()) - known.keys():
        raise SystemExit(f"unknown targets: {', '.join(sorted(unknown))}; the targets are {', '.join(known)}")
    if replay is not None:
        raise SystemExit(_replay(console, known, replay, out))
    campaign = Campaign.open(out, seed)
    chosen = [each for name, each in known.items() if not target or name in target]
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:  # a thread that refreshes would not survive the forks
            campaign.run(chosen, 60 * minutes, jobs, cases, progress=lambda now: live.update(_table(now), refresh=True))
    else:
        campaign.run(chosen, 60 * minutes, jobs, cases)
        console.print(_table(campaign))
    for finding in campaign.findings.values():
        last = finding.reason.strip().splitlines()[-1]
        console.print(
            f"{finding.target}: {finding.place} ({finding.times} times)\n  {last}", markup=False, highlight=False
        )
    raise SystemExit(1 if campaign.findings else 0)


def make_targets(out: Path, bundle: Path | None) -> Sequence[Target]:
    """Returns every target, with its material in a folder below `out`."""
    material = make_material(out / "material", bundle)
    return (
        *bundle_targets(material),
        Adapters(material, out / "material" / "adapters"),
        Corpora(),
        SourceDatabases(out / "material" / "sources"),
        Requests(material),
        PhoneHistories(material, out / "material" / "phone"),
        CorpusFiles(material),
        ServiceDatabases(material, out / "material" / "service"),
        Texts(material),
    )


def _replay(console: Console, known: dict[str, Target], finding: Path, out: Path) -> int:
    name, given = load_input(finding)
    keeper = Keeper(known[name], out, Limits())
    report = keeper.run(given)
    keeper.stop()
    console.print(report.reason or f"{name}: nothing is wrong with this input now", markup=False, highlight=False)
    return 1 if report.reason else 0


def _table(campaign: Campaign) -> Table:
    table = Table(
        "target", "cases", "accepted", "seconds", "findings", title=f"seed {campaign.seed}, {campaign.folder}"
    )
    for name, tally in campaign.tallies.items():
        found = sum(finding.target == name for finding in campaign.findings.values())
        table.add_row(name, f"{tally.cases:,}", f"{tally.accepted:,}", f"{tally.seconds:.0f}", f"{found}")
    cases, seconds = sum(t.cases for t in campaign.tallies.values()), sum(t.seconds for t in campaign.tallies.values())
    table.add_row("all", f"{cases:,}", "", f"{seconds:.0f}", f"{len(campaign.findings)}", style="bold")
    return table


if __name__ == "__main__":
    typer.run(main)
