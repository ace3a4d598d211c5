"""`thumbprint audit`: an attack on a training, with invented users in its corpus."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from thumbprint.cli.default_subcommand import group_with_default
from thumbprint.cli.lazy_commands import STYLE
from thumbprint.console import output, silence_tensorflow

if TYPE_CHECKING:
    from federated.audit.report import Audit

app = typer.Typer(
    cls=group_with_default("run"), no_args_is_help=True, subcommand_metavar="RUN | prepare CORPUS", **STYLE
)


@app.callback()
def audit() -> None:
    """Attack a training, to test what it promises.

    1. `thumbprint audit prepare corpus.sqlite --out audit.sqlite` adds invented users to a copy of a corpus. A fair
    coin decides whether each of them types a secret sentence, or nothing.
    2. `thumbprint train job.toml --corpus audit.sqlite --run runs/audit`
    3. `thumbprint audit runs/audit` guesses the coins from what the training published.
    """


@app.command()
def prepare(
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="The corpus.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The copy with the invented users.", show_default=False)],
    canaries_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The secret file of the invented users.", show_default="OUT.canaries.json"),
    ] = None,
    canaries: Annotated[int, typer.Option(min=20, max=100_000, metavar="N", help="Invented users.")] = 200,
    repetitions: Annotated[int, typer.Option(min=1, max=5000, metavar="N", help="Messages of each of them.")] = 50,
) -> None:
    """Add invented users to a copy of a corpus."""
    from federated.audit.canaries import common_words, with_canaries
    from keyboard_model.storage.durable_files import require_writable

    secret = canaries_file or out.with_name(f"{out.name}.canaries.json")
    require_writable(secret)
    added = with_canaries(corpus, out, secret, count=canaries, repetitions=repetitions, words=common_words())
    typing = sum(canary.included for canary in added)
    typer.echo(f"{out}: {len(added):,} invented users, of whom {typing:,} type their sentences")
    typer.echo(f"{secret}: their sentences and coins; keep it secret until the audit")


@app.command(hidden=True)
def run(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished training.", show_default=False)],
    canaries_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The secret file of the invented users.", show_default="CORPUS.canaries.json"
        ),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            metavar="CORPUS", help="Where the run's corpus is now.", show_default="its place at the time of training"
        ),
    ] = None,
) -> None:
    """Attack a training whose corpus has invented users. RUN gets audit.json."""
    silence_tensorflow()
    from federated.audit.canaries import read_canaries
    from federated.audit.report import audit as audit_run
    from federated.run import Run, open_clients

    folder = Run(run)
    with open_clients(folder, corpus) as clients:
        at = clients.corpus.path
        canaries = read_canaries(canaries_file or at.with_name(f"{at.name}.canaries.json"))
        found = audit_run(folder, clients, canaries)
    folder.write_json("audit.json", asdict(found))
    output().print(audit_view(found))
    typer.echo(f"wrote {run / 'audit.json'}")


def audit_view(found: Audit) -> Group:
    """Returns the result as a table, with a conclusion."""
    table = Table(show_header=False)
    claimed = "nothing" if found.epsilon is None else f"ε = {found.epsilon:.3g} at δ = {found.delta:g}"
    interval = f"{found.advantage_low:+.2f} to {found.advantage_high:+.2f}"
    for label, value in (
        ("invented users", f"{found.members:,} typed their sentences, {found.others:,} did not"),
        ("the training claims", claimed),
        ("it exceeds, with 95 % confidence", f"ε = {found.epsilon_above:.2f}"),
        ("advantage of the attack (0 to 1)", f"{found.advantage:+.2f} ({interval})"),
        ("exposure of the sentences", f"{found.exposure:.1f} bits"),
        ("secret words in the vocabulary", f"{found.words:,}"),
    ):
        table.add_row(label, value)
    if found.epsilon is not None and found.epsilon_above > found.epsilon:
        conclusion = "The training does not keep its promise."
    elif found.advantage_low > 0 or found.words:
        conclusion = "The attack finds users. Whoever has the bundle can."
    else:
        conclusion = "The attack finds nobody. Another attack may."
    return Group(table, Text(conclusion))
