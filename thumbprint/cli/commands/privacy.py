"""`thumbprint privacy`: what a training guarantees its users, and what a job would guarantee and cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from thumbprint.cli.default_subcommand import group_with_default
from thumbprint.cli.lazy_commands import STYLE
from thumbprint.console import output

if TYPE_CHECKING:
    from federated.privacy.guarantee import Guarantee
    from federated.privacy.plan import CountPlan, PrivacyPlan

_EPSILONS = (1.0, 2.0, 4.0, 8.0, 20.0, 100.0)
_MOST, _MOST_ROUNDS = 2_000_000_000, 100_000


app = typer.Typer(cls=group_with_default("show"), no_args_is_help=True, subcommand_metavar="RUN | plan JOB", **STYLE)


@app.callback()
def privacy() -> None:
    """Show the differential privacy of a training, or plan it.

    `thumbprint privacy RUN` shows what the training in RUN guarantees each user. `thumbprint privacy plan JOB` shows,
    before a training, how much noise its budget needs.
    """


@app.command(hidden=True)
def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a training.", show_default=False)],
) -> None:
    """Show the guarantee of a training."""
    from federated.privacy.guarantee import guarantee_of

    output().print(guarantee_view(guarantee_of(run)))


@app.command()
def plan(
    job: Annotated[
        Path, typer.Argument(metavar="JOB", help="The job file (TOML), with a section [privacy].", show_default=False)
    ],
    population: Annotated[
        int, typer.Option(min=1, max=_MOST, metavar="N", help="Users in training.", show_default=False)
    ],
    rounds: Annotated[
        int | None, typer.Option(min=1, max=_MOST_ROUNDS, metavar="N", help="Rounds.", show_default="the job's")
    ] = None,
    clients_per_round: Annotated[
        int | None, typer.Option(min=1, max=_MOST, metavar="N", help="Users in a round.", show_default="the job's")
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(min=0.001, max=100_000, metavar="E", help="The budget.", show_default="the job's")
    ] = None,
) -> None:
    """Show how much noise a job needs, before its training.

    The noise in a mean is the one that the server adds to the mean update of a round. The larger the rounds and the
    population, the smaller it is.

    Example: thumbprint privacy plan job.toml --population 100000 --clients-per-round 200
    """
    from federated.job import JobError, load_job
    from federated.privacy.plan import plan_privacy, with_epsilon

    loaded = load_job(job)
    if loaded.privacy is None:
        raise JobError(f"{job} has no section [privacy]: add one with epsilon and delta")
    changed = {"rounds": rounds, "clients_per_round": clients_per_round}
    training = loaded.training.model_copy(update={name: value for name, value in changed.items() if value})

    planned = loaded.model_copy(update={"training": training})
    if epsilon is not None:
        planned = with_epsilon(planned, epsilon)
    others = [plan_privacy(with_epsilon(planned, other), population) for other in _EPSILONS]
    output().print(plan_view(plan_privacy(planned, population), others))


def guarantee_view(guarantee: Guarantee) -> Group:
    """Returns the guarantee as a table, with its words."""
    took_part, plan = guarantee.participation, guarantee.plan
    table = Table(show_header=False)
    for label, value in (
        ("ε spent, at δ", f"{guarantee.epsilon:.3g} of {guarantee.budget:g}, at {guarantee.delta:g}"),
        ("ρ (zCDP)", f"{guarantee.rho:.3g}"),
        ("noise of the rounds", guarantee.mechanism),
        ("noise multiplier", f"{plan.rounds.noise_multiplier:.3g} clipping norms in a sum"),
        ("clipping norm", f"{plan.rounds.clipping_norm:g}{' at first' if plan.rounds.clipping_quantile else ''}"),
        ("rounds", f"{took_part.rounds:,}"),
        ("took part", f"{took_part.participants:,} of {plan.population:,} users"),
        ("most rounds of a user", f"{took_part.turns:,}, at least {took_part.separation:,} apart"),
        ("rounds of the method", f"{guarantee.method.rounds:,}"),
        ("words", _counts(plan.words if "words" in guarantee.counts else None)),
        ("n-grams", _counts(plan.ngrams if "ngrams" in guarantee.counts else None)),
        ("hidden", guarantee.neighbours),
    ):
        table.add_row(label, value)
    return Group(table, Text("Not covered:\n" + "\n".join(f"- {what}" for what in guarantee.not_covered)))


def plan_view(plan: PrivacyPlan, others: list[PrivacyPlan]) -> Group:
    """Returns a plan as a table, and another one for other budgets."""
    rounds = plan.rounds
    table = Table(show_header=False)
    for label, value in (
        ("budget", f"ε = {plan.epsilon:g} at δ = {plan.delta:g}"),
        ("users in training", f"{plan.population:,}"),
        ("rounds", f"{rounds.rounds:,} of {rounds.clients_per_round:,} users"),
        ("most rounds of a user", f"{rounds.turns:,}, at least {rounds.separation:,} apart"),
        ("noise multiplier", f"{rounds.noise_multiplier:.3g} clipping norms in a sum"),
        ("words", _counts(plan.words)),
        ("n-grams", _counts(plan.ngrams)),
    ):
        table.add_row(label, value)
    budgets = Table("ε", "noise multiplier", "noise in a mean, in clipping norms", "least count of an n-gram")
    for other in others:
        in_mean = other.rounds.noise_multiplier / other.rounds.clients_per_round
        least = f"{other.ngrams.threshold:,.0f}" if other.ngrams else ""
        budgets.add_row(f"{other.epsilon:g}", f"{other.rounds.noise_multiplier:.3g}", f"{in_mean:.3g}", least)
    return Group(table, Text("Other budgets:"), budgets)


def _counts(plan: CountPlan | None) -> str:
    if plan is None:
        return "none of the users"
    return f"with noise of {plan.deviation:.3g}, those counted {plan.threshold:,.0f} times or more"
