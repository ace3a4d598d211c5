"""A method against the shared model: each user against themselves, over users and word by word within one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from keyboard_model.metrics import HELPED, spread
from thumbprint.comparison.analysis import statistics
from thumbprint.comparison.analysis.metrics import AgainstGlobal, Figure, Row
from thumbprint.comparison.analysis.statistics import Pair


def figure(values: Sequence[float], seed: int) -> Figure:
    """Returns how one value a user spreads over users; all null for nobody."""
    if not len(values):
        return Figure(mean=None, median=None, p10=None, worst=None, std=None, low=None, high=None)
    mean = statistics.bootstrap_mean(values, seed)
    return Figure(**asdict(spread(values)), low=mean.low, high=mean.high)


def against_global(pairs: Sequence[Pair], seed: int) -> AgainstGlobal | None:
    """Returns the comparison of these users, its p-value not yet corrected for the other methods; None for nobody."""
    if not pairs:
        return None
    gains = [pair.gain for pair in pairs]
    recall, shared = [pair.recall for pair in pairs], [pair.shared_recall for pair in pairs]
    median = float(np.median(shared))
    hurt, helped = sum(gain < 0 for gain in gains), sum(gain >= HELPED for gain in gains)
    p_value = statistics.signed_rank(gains)
    tested, worse, better = _user_tests(pairs)
    return AgainstGlobal(
        users=len(pairs),
        gain=figure(gains, seed),
        relative_mean=statistics.relative_gain(recall, shared, seed),
        relative_median=float(np.median(recall)) / median - 1 if median else None,
        fraction_hurt=statistics.fraction_estimate(hurt, len(pairs)),
        fraction_helped=statistics.fraction_estimate(helped, len(pairs)),
        p_value=p_value,
        p_value_corrected=p_value,
        users_tested=tested,
        users_hurt_significantly=worse if tested else None,
        users_helped_significantly=better if tested else None,
    )


def corrected(rows: Sequence[Row]) -> list[Row]:
    """Every method of a group is a test of its own: corrects their p-values together."""
    tested = [row.against_global for row in rows if row.against_global]
    adjusted = iter(statistics.holm([against.p_value for against in tested]))
    return [
        row.model_copy(update={"against_global": against.model_copy(update={"p_value_corrected": next(adjusted)})})
        if (against := row.against_global)
        else row
        for row in rows
    ]


def _user_tests(pairs: Sequence[Pair]) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """Returns how many users were tested word by word, who of them is hurt, and who is helped, beyond chance."""
    rows = [pair.personal for pair in pairs]
    known = [(row.user_id, row.gained, row.lost) for row in rows if row.gained is not None and row.lost is not None]
    p_values = statistics.holm(statistics.mcnemar([gained for _, gained, _ in known], [lost for *_, lost in known]))
    sure = [entry for entry, p in zip(known, p_values, strict=True) if p < statistics.LEVEL]
    worse = tuple(user for user, gained, lost in sure if lost > gained)
    return len(known), worse, tuple(user for user, gained, lost in sure if gained > lost)
