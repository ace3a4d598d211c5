"""The answer: which method is best of those that can ship, and how far ahead of the next."""

from __future__ import annotations

from collections.abc import Sequence

from thumbprint.comparison.figures import Headline, Row
from thumbprint.comparison.pairing import counted
from thumbprint.comparison.results import REFERENCE, Comparison, Group, MethodResult
from thumbprint.comparison.schema import Estimate
from thumbprint.comparison.statistics import bootstrap_mean


def headline(comparison: Comparison, rows: Sequence[Row]) -> Headline | None:
    """Returns the answer for the group of the first row; None when no method that can ship has a row.

    Args:
        rows: Group by group, the group that decides first, best first in each.
    """
    if not rows:
        return None
    group = rows[0].group
    named = {method.name: method for method in comparison.methods}
    reference = comparison.method(REFERENCE)
    # What TFF and a phone count differs (a word in several pieces), so only levels measured alike are ranked.
    alike = [row for row in rows if row.group == group and _alike(named[row.method], reference)]
    candidates = [row for row in alike if named[row.method].on_device]
    if not candidates:
        return None
    best, *others = candidates
    return Headline(
        group=group,
        best=best.method,
        runner_up=others[0].method if others else None,
        lead=_lead(comparison, named[best.method], named[others[0].method], group) if others else None,
        above=alike[0].method if alike[0] != best else None,
    )


def _alike(method: MethodResult, reference: MethodResult | None) -> bool:
    return reference is None or method.where == reference.where


def _lead(comparison: Comparison, best: MethodResult, other: MethodResult, group: Group) -> Estimate | None:
    recalls = {row.user_id: row.counts.recall_at_3 for row in counted(comparison, other, group)}
    differences = [
        row.counts.recall_at_3 - recalls[row.user_id]
        for row in counted(comparison, best, group)
        if row.user_id in recalls
    ]
    return bootstrap_mean(differences, comparison.seed) if differences else None
