"""Computes the figures of a comparison: per user first, then over users (Wang et al. 2019), then between methods.

The answer names the best method among those that can ship, and its lead over the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np

from keyboard_model.metrics import HELPED, Estimate
from keyboard_model.user_posterior import user_posteriors
from keyboard_model.user_statistics import fraction, mean, pooled, relative_gain, spread
from thumbprint.comparison.analysis import statistics
from thumbprint.comparison.analysis.fairness import attribute_fairness, attributes
from thumbprint.comparison.analysis.report import (
    AgainstShared,
    ComparisonReport,
    Headline,
    MethodFairness,
    Reach,
    Row,
    Summary,
)
from thumbprint.comparison.analysis.statistics import Pair, counted_rows, paired_rows
from thumbprint.comparison.results import REFERENCE, Comparison, CurvePoint, Group, MethodResult

GROUPS: tuple[Group, ...] = ("new_phone", "seen")
"""New phones come first. They decide, because a product is not shipped to the users of the training run alone."""
TARGET_SHARE = 0.95
"""The target recall of `reach`, as a share of the best recall of `global_only` on validation users."""


def report_of(comparison: Comparison) -> ComparisonReport:
    """Returns the report of a comparison: its measurements and their figures."""
    return ComparisonReport(summary=summarize(comparison), comparison=comparison)


def summarize(comparison: Comparison) -> Summary:
    """Computes every figure. The same comparison gives the same figures."""
    rows = [row for group in GROUPS for row in _rows(comparison, group)]
    target = _target(comparison)
    return Summary(
        headline=best_method(comparison, rows),
        rows=tuple(rows),
        fairness=tuple(_fairness(comparison)),
        target_recall=target,
        reach=tuple(_reach(method, target) for method in comparison.methods if target and _curve(method)),
    )


def best_method(comparison: Comparison, rows: Sequence[Row]) -> Headline | None:
    """Returns the answer for the group of the first row; None if no method that can ship has a row.

    Args:
        rows: The rows of the deciding group, then those of the other; in each group, best method first.
    """
    if not rows:
        return None
    group = rows[0].group
    methods = {method.name: method for method in comparison.methods}
    reference = comparison.method(REFERENCE)
    # TFF and a phone count words of several pieces differently: rank only methods that were measured in the same way.
    comparable = [row for row in rows if row.group == group and _same_way(methods[row.method], reference)]
    candidates = [row for row in comparable if methods[row.method].on_device]
    if not candidates:
        return None
    best, *others = candidates
    return Headline(
        group=group,
        best=best.method,
        runner_up=others[0].method if others else None,
        lead=_lead(comparison, methods[best.method], methods[others[0].method], group) if others else None,
        above=comparable[0].method if comparable[0] != best else None,
    )


def _same_way(method: MethodResult, reference: MethodResult | None) -> bool:
    return reference is None or method.where == reference.where


def _lead(comparison: Comparison, best: MethodResult, other: MethodResult, group: Group) -> Estimate | None:
    recalls = {row.user_id: row.counts.recall_at_3 for row in counted_rows(comparison, other, group)}
    differences = [
        row.counts.recall_at_3 - recalls[row.user_id]
        for row in counted_rows(comparison, best, group)
        if row.user_id in recalls
    ]
    return mean(differences, comparison.seed) if differences else None


def _rows(comparison: Comparison, group: Group) -> list[Row]:
    """Returns the methods that measured users of this group, best first."""
    rows = [row for method in comparison.methods if (row := _row(comparison, method, group)).users]
    return _with_corrected_p_values(sorted(rows, key=lambda row: (-(row.recall_at_3.mean or 0), row.method)))


def _row(comparison: Comparison, method: MethodResult, group: Group) -> Row:
    measured = counted_rows(comparison, method, group)
    counts = [row.counts for row in measured]
    typed = [count for count in counts if count.characters]
    seed = comparison.seed
    pairs = paired_rows(comparison, method, group) if method.name != REFERENCE else []
    return Row(
        method=method.name,
        group=group,
        users=len(counts),
        words=sum(count.words for count in counts),
        recall_at_1=spread([count.recall_at_1 for count in counts], seed),
        recall_at_3=spread([count.recall_at_3 for count in counts], seed),
        pooled_recall_at_3=pooled([count.hits_at_3 for count in counts], [count.words for count in counts], seed),
        prequential_recall_at_3=spread(_known(row.prequential_recall for row in measured), seed),
        keystroke_savings=spread([count.keystroke_savings for count in typed], seed),
        keystroke_savings_with_taps=spread([count.keystroke_savings_with_taps for count in typed], seed),
        against_global=against_shared(pairs, seed),
    )


def against_shared(pairs: Sequence[Pair], seed: int) -> AgainstShared | None:
    """Compares a method with the shared model on the same users; None if there are no users.

    The p-value is not yet corrected for the number of methods.
    """
    if not pairs:
        return None
    gains = [pair.gain for pair in pairs]
    recall, shared = [pair.recall for pair in pairs], [pair.shared_recall for pair in pairs]
    hurt, helped = sum(gain < 0 for gain in gains), sum(gain >= HELPED for gain in gains)
    p_value = statistics.signed_rank(gains)
    words = [pair.personal.words for pair in pairs]
    tested, worse, better = _likely_hurt_and_helped(pairs, seed)
    return AgainstShared(
        users=len(pairs),
        gain=spread(gains, seed),
        prequential_gain=spread(_known(pair.prequential_gain for pair in pairs), seed),
        pooled_gain=pooled([gain * count for gain, count in zip(gains, words, strict=True)], words, seed),
        relative_mean=relative_gain(recall, shared, seed),
        relative_median=relative_gain(recall, shared, seed, np.median),
        fraction_hurt=fraction(hurt, len(pairs)),
        fraction_helped=fraction(helped, len(pairs)),
        p_value=p_value,
        p_value_corrected=p_value,
        users_tested=tested,
        likely_hurt=fraction(len(worse), tested),
        likely_helped=fraction(len(better), tested),
        users_likely_hurt=worse,
        users_likely_helped=better,
    )


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _likely_hurt_and_helped(pairs: Sequence[Pair], seed: int) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """Returns the number of users compared word by word, and the users likely hurt and helped."""
    rows = [pair.personal for pair in pairs]
    tested = [(row, row.gained, row.lost) for row in rows if row.gained is not None and row.lost is not None]
    posteriors = user_posteriors(
        [row.words for row, *_ in tested], [gained for _, gained, _ in tested], [lost for *_, lost in tested], seed
    )
    named = [(row.user_id, posterior) for (row, *_), posterior in zip(tested, posteriors, strict=True)]
    hurt = tuple(user for user, posterior in named if posterior.hurt)
    return len(tested), hurt, tuple(user for user, posterior in named if posterior.helped)


def _with_corrected_p_values(rows: Sequence[Row]) -> list[Row]:
    """Corrects the p-values of a group together, because each method is a test of its own."""
    tested = [row.against_global for row in rows if row.against_global]
    corrected = iter(statistics.holm([against.p_value for against in tested]))
    return [
        row.model_copy(update={"against_global": against.model_copy(update={"p_value_corrected": next(corrected)})})
        if (against := row.against_global)
        else row
        for row in rows
    ]


def _fairness(comparison: Comparison) -> Iterator[MethodFairness]:
    names = attributes(comparison.profiles)
    populations: tuple[Literal["all"] | Group, ...] = ("all", *GROUPS)
    for method in comparison.methods if names else ():
        for population in populations:
            pairs = paired_rows(comparison, method, None if population == "all" else population)
            gaps = {name: attribute_fairness(pairs, comparison.profiles, name, comparison.seed) for name in names}
            if pairs:
                yield MethodFairness(
                    method=method.name,
                    population=population,
                    attributes=tuple(gap for gap in gaps.values() if gap),
                    attributes_left_out=tuple(name for name, gap in gaps.items() if gap is None),
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
