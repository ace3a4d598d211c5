"""What `thumbprint recommend` shows."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from federated.heterogeneity.advice import Advice
from federated.heterogeneity.report import Heterogeneity
from thumbprint.tables import headed, notice, pairs


def advice_view(found: Heterogeneity, advice: Advice) -> Group:
    """Returns the view: the advice in one sentence, its settings, every rule with what it measured."""
    label = [notice("a program made these messages up.")] if found.synthetic else []
    because = Text(f"{advice.method}: {advice.because}", style="bold")
    beside = Text(f"An expectation, not a measurement: compare it with {', '.join(advice.try_also)}.", style="dim")
    return Group(*label, because, pairs("settings", _settings(advice)), headed("why", _rules(advice)), beside)


def _settings(advice: Advice) -> dict[str, object]:
    settings: dict[str, object] = {"shared models": advice.clusters}
    if advice.steps:
        settings |= {
            "K, steps of an adaptation (steps)": advice.steps,
            "λ, pull to the shared model (proximal)": advice.proximal,
            "words at which half is believed (evidence)": round(advice.evidence or 0),
            "words that an adaptation reads (newest_words)": advice.newest_words,
        }
    return settings


def _rules(advice: Advice) -> Table:
    table = Table()
    for column in ("question", "measured", "from", "answer", "so"):
        table.add_column(column, justify="right" if column in ("measured", "from") else "left")
    for finding in advice.findings:
        measured = "" if finding.measured is None else f"{finding.measured:.3f}"
        answer = "yes" if finding.holds else "unknown" if finding.measured is None else "no"
        table.add_row(finding.rule, measured, f"{finding.threshold:g}", answer, finding.reason)
    return table
