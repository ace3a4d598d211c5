"""From measured rows to figures: per user first, then over users (Wang et al. 2019), then against each other.

The answer: which method is best of those that can ship, and how far ahead of the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from thumbprint.comparison.analysis.fairness import attribute_fairness, attributes
from thumbprint.comparison.analysis.metrics import Headline, MethodFairness, Reach, Row, Summary
from thumbprint.comparison.analysis.statistics import bootstrap_mean, counted, paired
from thumbprint.comparison.analysis.versus_global import against_global, corrected, figure
from thumbprint.comparison.results import REFERENCE, Comparison, CurvePoint, Estimate, Group, MethodResult


def best_method(comparison: Comparison, rows: Sequence[Row]) -> Headline | None:
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


GROUPS: tuple[Group, ...] = ("new_phone", "seen")
"""New phones first: they decide, since nobody ships to the users of a training run alone."""
TARGET_SHARE = 0.95
"""The target recall of `reach`: this share of the best that `global_only` reached on validation users."""


def summarize(comparison: Comparison) -> Summary:
    """Returns every computed figure; the same comparison gives the same figures."""
    rows = [row for group in GROUPS for row in _rows(comparison, group)]
    target = _target(comparison)
    return Summary(
        headline=best_method(comparison, rows),
        rows=tuple(rows),
        fairness=tuple(_fairness(comparison)),
        target_recall=target,
        reach=tuple(_reach(method, target) for method in comparison.methods if target and _curve(method)),
    )


def _rows(comparison: Comparison, group: Group) -> list[Row]:
    """The methods that measured anybody of this group, best first."""
    rows = [_row(comparison, method, group) for method in comparison.methods]
    return corrected(
        sorted((row for row in rows if row.users), key=lambda row: (-(row.recall_at_3.mean or 0), row.method))
    )


def _row(comparison: Comparison, method: MethodResult, group: Group) -> Row:
    counts = [row.counts for row in counted(comparison, method, group)]
    seed = comparison.seed
    return Row(
        method=method.name,
        group=group,
        users=len(counts),
        words=sum(count.words for count in counts),
        recall_at_1=figure([count.recall_at_1 for count in counts], seed),
        recall_at_3=figure([count.recall_at_3 for count in counts], seed),
        keystroke_savings=figure([count.keystroke_savings for count in counts if count.characters], seed),
        against_global=against_global(paired(comparison, method, group), seed) if method.name != REFERENCE else None,
    )


def _fairness(comparison: Comparison) -> Iterator[MethodFairness]:
    names = attributes(comparison.profiles)
    populations: tuple[Literal["all"] | Group, ...] = ("all", *GROUPS)
    for method in comparison.methods if names else ():
        for population in populations:
            pairs = paired(comparison, method, None if population == "all" else population)
            found = {name: attribute_fairness(pairs, comparison.profiles, name, comparison.seed) for name in names}
            if pairs:
                yield MethodFairness(
                    method=method.name,
                    population=population,
                    attributes=tuple(gaps for gaps in found.values() if gaps),
                    attributes_left_out=tuple(name for name, gaps in found.items() if gaps is None),
                )


def _curve(method: MethodResult) -> tuple[CurvePoint, ...]:
    return method.communication.curve if method.communication else ()


def _target(comparison: Comparison) -> float | None:
    reference = comparison.method(REFERENCE)
    curve = _curve(reference) if reference else ()
    return TARGET_SHARE * max(point.recall_at_3 for point in curve) if curve else None


def _reach(method: MethodResult, target: float) -> Reach:
    for point in sorted(_curve(method), key=lambda point: point.round):
        if point.recall_at_3 >= target:
            return Reach(method=method.name, rounds=point.round, bytes=point.bytes)
    return Reach(method=method.name, rounds=None, bytes=None)
