"""What `thumbprint heterogeneity` shows.

What `thumbprint recommend` shows.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from federated.heterogeneity.evidence import Evidence
from federated.heterogeneity.recommendation import Recommendation
from federated.heterogeneity.report import Comparison, Heterogeneity, UserSummary
from thumbprint.console.tables import headed, notice, pairs

_NOT = "not measured"


def heterogeneity_view(found: Heterogeneity) -> Group:
    """Returns the view: who was measured, sizes, how users differ, groups, and how they pull the run's model."""
    parts: list[RenderableType] = [notice("a program made these messages up.")] if found.synthetic else []
    parts += [_about(found), _sizes(found), _differences(found), _shares(found), _groups(found)]
    if found.gradients or found.run:
        parts.append(_gradients(found))
    return Group(*parts)


def _about(found: Heterogeneity) -> RenderableType:
    compared = (
        f"{found.compared:,} users, {found.length:,} words against {found.length:,}" if found.length else "nobody"
    )
    return pairs(
        "how users differ",
        {
            "corpus": found.corpus,
            "users measured": f"{len(found.users):,} of {found.users_in_corpus:,}",
            "read of each": f"the first {100 * found.train_share:.0f} % of the messages",
            "enough text to compare": compared,
        },
    )


def _sizes(found: Heterogeneity) -> RenderableType:
    table = Table()
    for column in ("", *found.messages.percentiles, "Gini", "the top tenth has"):
        table.add_column(column, justify="right" if column else "left")
    for name, skew in {"messages": found.messages, "words": found.words}.items():
        table.add_row(
            name, *(f"{value:,}" for value in skew.percentiles.values()), f"{skew.gini:.2f}", _percent(skew.top_tenth)
        )
    return headed("who wrote how much (percentiles over users)", table)


def _differences(found: Heterogeneity) -> RenderableType:
    table = Table()
    for column in ("Jensen-Shannon, bits", "observed", "noise floor", "difference", "p10", "median", "p90"):
        table.add_column(column, justify="left" if column.startswith("Jensen") else "right")
    rows = {
        "user to user": found.between_users,
        "user to all others": found.to_others,
        "a user's first words to their last": found.drift,
    }
    for name, comparison in rows.items():
        table.add_row(name, *(_cells(comparison) if comparison else [_NOT]))
    note = "difference: 0 as between texts of one user, 1 with no word in common, whatever the length"
    return Group(headed("how far texts are apart, at equal length", table), Text(note, style="dim"))


def _cells(comparison: Comparison) -> list[str]:
    share = comparison.difference
    bits = [f"{comparison.observed.mean:.3f}", f"{comparison.floor.mean:.3f}"]
    return [*bits, *(f"{value:.3f}" for value in (share.mean, share.p10, share.median, share.p90))]


def _shares(found: Heterogeneity) -> RenderableType:
    table = Table()
    for column in ("share of a user's typing", "users", "mean", "p10", "median", "p90"):
        table.add_column(column, justify="left" if column.startswith("share") else "right")
    rows: dict[str, UserSummary | None] = {"words that fewer than 2 others typed": found.outside_shared}
    if found.run:
        rows["words that the tokenizer spells in pieces"] = found.outside_tokenizer
    for name, share in rows.items():
        values = (share.mean, share.p10, share.median, share.p90) if share else ()
        table.add_row(name, *([f"{share.users:,}", *map(_percent, values)] if share else [_NOT]))
    return headed("words of their own", table)


def _groups(found: Heterogeneity) -> RenderableType:
    silhouettes = ", ".join(f"{k}: {value:.2f}" for k, value in found.clusters.silhouettes.items())
    return pairs(
        "what follows",
        {
            "groups of users": found.clusters.count if found.clusters.count > 1 else "none that are clear",
            "silhouette by number of groups": silhouettes or _NOT,
            "words at which half of a user's own is believed": _evidence(found.signal) if found.signal else _NOT,
        },
    )


def _gradients(found: Heterogeneity) -> RenderableType:
    if not found.gradients:
        return pairs("gradients at the shared model", {"users": "too few with two messages to measure"})
    gradients, dissimilar = found.gradients, found.gradients.dissimilarity
    return pairs(
        "gradients at the shared model",
        {
            "run": found.run,
            "users": gradients.users,
            "E‖g_k − g‖² / ‖g‖²": _NOT if dissimilar is None else f"{dissimilar:.2f}",
            "cosine of two users": f"{gradients.between_cosine:.3f}",
            "cosine of two halves of one user": f"{gradients.within_cosine:.3f}",
            "pieces at which half of a user's own is believed": _evidence(gradients.signal),
        },
    )


def _evidence(signal: Evidence) -> object:
    return "never" if signal.evidence is None else round(signal.evidence)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def advice_view(found: Heterogeneity, advice: Recommendation) -> Group:
    """Returns the view: the advice in one sentence, its settings, every rule with what it measured."""
    label = [notice("a program made these messages up.")] if found.synthetic else []
    because = Text(f"{advice.method}: {advice.because}", style="bold")
    beside = Text(f"An expectation, not a measurement: compare it with {', '.join(advice.try_also)}.", style="dim")
    return Group(*label, because, pairs("settings", _settings(advice)), headed("why", _rules(advice)), beside)


def _settings(advice: Recommendation) -> dict[str, object]:
    settings: dict[str, object] = {"shared models": advice.clusters}
    if advice.steps:
        settings |= {
            "K, steps of an adaptation (steps)": advice.steps,
            "λ, pull to the shared model (proximal)": advice.proximal,
            "words at which half is believed (evidence)": round(advice.evidence or 0),
            "words that an adaptation reads (newest_words)": advice.newest_words,
        }
    return settings


def _rules(advice: Recommendation) -> Table:
    table = Table()
    for column in ("question", "measured", "from", "answer", "so"):
        table.add_column(column, justify="right" if column in ("measured", "from") else "left")
    for finding in advice.findings:
        measured = "" if finding.measured is None else f"{finding.measured:.3f}"
        answer = "yes" if finding.holds else "unknown" if finding.measured is None else "no"
        table.add_row(finding.rule, measured, f"{finding.threshold:g}", answer, finding.reason)
    return table
