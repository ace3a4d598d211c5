"""`thumbprint heterogeneity`: how different the users of a corpus are. `thumbprint recommend`: a method for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from thumbprint.console import (
    SYNTHETIC_MESSAGES,
    counting_up,
    headed,
    labelled,
    output,
    pairs,
    silence_tensorflow,
)

if TYPE_CHECKING:
    from federated.heterogeneity.divergence import Evidence
    from federated.heterogeneity.recommendation import Recommendation
    from federated.heterogeneity.report import Comparison, Heterogeneity, UserSummary

CorpusArgument = Annotated[
    Path, typer.Argument(metavar="CORPUS", help="The messages of the users.", show_default=False)
]
OutOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The folder for the results.", show_default="only printed")
]
MaxUsersOption = Annotated[
    int, typer.Option(min=2, metavar="N", help="The number of users that are drawn from a larger corpus and measured.")
]
SeedOption = Annotated[int, typer.Option(min=0, metavar="N", help="The seed of all random draws.")]

_NOT_MEASURED = "not measured"


def heterogeneity(
    corpus: CorpusArgument,
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A finished training on CORPUS, to measure gradients of its model as well."),
    ] = None,
    out: OutOption = None,
    max_users: MaxUsersOption = 500,
    seed: SeedOption = 0,
) -> None:
    """Measure how different the users of a corpus are.

    Measures how much each user wrote; how far their words are from those of another user, of all others, and of their
    own past, compared with what chance alone would show in texts of that length; the words that only one user types;
    and groups of users. With a run, also the tokenizer and the gradients of the shared model.

    Reads only what a method can learn from: the first 80 % of each user's messages (with --run, the run's own share).
    DIR gets heterogeneity.json and pictures. They hold figures and user ids, but no texts.
    """
    report = _measured(corpus, run, max_users, seed)
    written = []
    if out:
        from thumbprint.pipeline.heterogeneity_report import write_heterogeneity

        written = write_heterogeneity(out, report)
    output().print(heterogeneity_view(report))
    _print_written(written)


def recommend(
    corpus: CorpusArgument,
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A finished training on CORPUS, whose gradients decide K and λ."),
    ] = None,
    out: OutOption = None,
    max_users: MaxUsersOption = 500,
    seed: SeedOption = 0,
) -> None:
    """Recommend a personalization method, with the reasons.

    Measures the same as `thumbprint heterogeneity` and applies rules to it: a method, K, λ, the number of shared
    models, or no personalization. Each rule is printed with its measured value and its threshold.

    DIR gets recommendation.json, and the heterogeneity.json that it is based on.
    """
    report = _measured(corpus, run, max_users, seed)

    from federated.heterogeneity.recommendation import recommend_method

    recommendation = recommend_method(report)
    written = []
    if out:
        from thumbprint.pipeline.heterogeneity_report import write_recommendation

        written = write_recommendation(out, report, recommendation)
    output().print(recommendation_view(report, recommendation))
    _print_written(written)


def _measured(corpus: Path, run: Path | None, max_users: int, seed: int) -> Heterogeneity:
    if run:
        silence_tensorflow()
    with counting_up("measuring", "users") as progress:
        from federated.heterogeneity.measure import measure

        return measure(corpus, run, max_users=max_users, seed=seed, on_users=progress)


def _print_written(paths: list[Path]) -> None:
    if paths:
        typer.echo("wrote " + ", ".join(map(str, paths)))


def heterogeneity_view(report: Heterogeneity) -> Group:
    """Returns who was measured, sizes, distances between users, groups, and the gradients of the run's model."""
    parts = [_about(report), _sizes(report), _differences(report), _shares(report), _groups(report)]
    if report.gradients or report.run:
        parts.append(_gradients(report))
    return labelled(report.synthetic, SYNTHETIC_MESSAGES, *parts)


def _about(report: Heterogeneity) -> RenderableType:
    compared = (
        f"{report.compared:,} users, {report.length:,} words against {report.length:,}" if report.length else "none"
    )
    return pairs(
        "how users differ",
        {
            "corpus": report.corpus,
            "users measured": f"{len(report.users):,} of {report.users_in_corpus:,}",
            "read of each user": f"the first {100 * report.train_share:.0f} % of the messages",
            "users with enough text to compare": compared,
        },
    )


def _sizes(report: Heterogeneity) -> RenderableType:
    table = Table()
    for column in ("", *report.messages.percentiles, "Gini", "share of the top tenth"):
        table.add_column(column, justify="right" if column else "left")
    for name, skew in {"messages": report.messages, "words": report.words}.items():
        table.add_row(
            name, *(f"{value:,}" for value in skew.percentiles.values()), f"{skew.gini:.2f}", _percent(skew.top_tenth)
        )
    return headed("how much each user wrote (percentiles over users)", table)


def _differences(report: Heterogeneity) -> RenderableType:
    table = Table()
    for column in ("Jensen-Shannon, bits", "observed", "noise floor", "difference", "p10", "median", "p90"):
        table.add_column(column, justify="left" if column.startswith("Jensen") else "right")
    rows = {
        "user to user": report.between_users,
        "user to all others": report.to_others,
        "a user's first words to their last": report.drift,
    }
    for name, comparison in rows.items():
        table.add_row(name, *(_cells(comparison) if comparison else [_NOT_MEASURED]))
    note = "difference: 0 as between two texts of one user, 1 if they have no word in common; independent of the length"
    return Group(headed("distances between texts of equal length", table), Text(note, style="dim"))


def _cells(comparison: Comparison) -> list[str]:
    share = comparison.difference
    bits = [f"{comparison.observed.mean:.3f}", f"{comparison.floor.mean:.3f}"]
    return [*bits, *(f"{value:.3f}" for value in (share.mean, share.p10, share.median, share.p90))]


def _shares(report: Heterogeneity) -> RenderableType:
    table = Table()
    for column in ("share of a user's typing", "users", "mean", "p10", "median", "p90"):
        table.add_column(column, justify="left" if column.startswith("share") else "right")
    rows: dict[str, UserSummary | None] = {"words that fewer than 2 others typed": report.outside_shared}
    if report.run:
        rows["words that the tokenizer splits into pieces"] = report.outside_tokenizer
    for name, share in rows.items():
        values = (share.mean, share.p10, share.median, share.p90) if share else ()
        table.add_row(name, *([f"{share.users:,}", *map(_percent, values)] if share else [_NOT_MEASURED]))
    return headed("words of their own", table)


def _groups(report: Heterogeneity) -> RenderableType:
    silhouettes = ", ".join(f"{k}: {value:.2f}" for k, value in report.clusters.silhouettes.items())
    return pairs(
        "conclusions",
        {
            "groups of users": report.clusters.count if report.clusters.count > 1 else "no clear groups",
            "silhouette by number of groups": silhouettes or _NOT_MEASURED,
            "evidence, words": _evidence(report.signal) if report.signal else _NOT_MEASURED,
        },
    )


def _gradients(report: Heterogeneity) -> RenderableType:
    if not report.gradients:
        return pairs("gradients at the shared model", {"users": "too few have two messages"})
    gradients, dissimilar = report.gradients, report.gradients.dissimilarity
    return pairs(
        "gradients at the shared model",
        {
            "run": report.run,
            "users": gradients.users,
            "E‖g_k − g‖² / ‖g‖²": _NOT_MEASURED if dissimilar is None else f"{dissimilar:.2f}",
            "cosine of two users": f"{gradients.between_cosine:.3f}",
            "cosine of two halves of one user": f"{gradients.within_cosine:.3f}",
            "evidence, pieces": _evidence(gradients.signal),
        },
    )


def _evidence(signal: Evidence) -> object:
    """Returns the number of words at which a user's own data has half of the weight."""
    return "no number is enough" if signal.evidence is None else round(signal.evidence)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def recommendation_view(report: Heterogeneity, recommendation: Recommendation) -> Group:
    """Returns the recommendation in one sentence, its settings, and every rule with its measured value."""
    alternatives = ", ".join(recommendation.try_also)
    return labelled(
        report.synthetic,
        SYNTHETIC_MESSAGES,
        Text(f"{recommendation.method}: {recommendation.because}", style="bold"),
        pairs("settings", _settings(recommendation)),
        headed("reasons", _rules(recommendation)),
        Text(f"This is an expectation, not a measurement: compare it with {alternatives}.", style="dim"),
    )


def _settings(recommendation: Recommendation) -> dict[str, object]:
    settings: dict[str, object] = {"shared models": recommendation.clusters}
    if recommendation.steps:
        settings |= {
            "K, steps of an adaptation (steps)": recommendation.steps,
            "λ, pull to the shared model (proximal)": recommendation.proximal,
            "words at which a user's own data has half of the weight (evidence)": round(recommendation.evidence or 0),
            "words that an adaptation reads (newest_words)": recommendation.newest_words,
        }
    return settings


def _rules(recommendation: Recommendation) -> Table:
    table = Table()
    for column in ("question", "measured", "threshold", "answer", "reason"):
        table.add_column(column, justify="right" if column in ("measured", "threshold") else "left")
    for finding in recommendation.findings:
        measured = "" if finding.measured is None else f"{finding.measured:.3f}"
        answer = "yes" if finding.holds else "unknown" if finding.measured is None else "no"
        table.add_row(finding.rule, measured, f"{finding.threshold:g}", answer, finding.reason)
    return table
