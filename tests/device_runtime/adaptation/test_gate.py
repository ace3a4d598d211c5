"""The gate, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from device_runtime.adaptation.gate import judge, not_judged
from device_runtime.manifest import GateRecipe

BEFORE = np.array([2.0, 3.0, 4.0, 5.0])


def test_what_gains_is_kept() -> None:
    verdict = judge(BEFORE, BEFORE - 0.5, GateRecipe(min_words=1, margin=0.0))
    assert verdict.kept
    assert (verdict.tail_words, verdict.before, verdict.after) == (4, 3.5, 3.0)
    assert "gains 0.500" in verdict.reason


def test_what_loses_is_not() -> None:
    assert not judge(BEFORE, BEFORE + 1e-6, GateRecipe(min_words=1, margin=0.0)).kept


def test_no_change_is_not_worse() -> None:
    assert judge(BEFORE, BEFORE, GateRecipe(min_words=1, margin=0.0)).kept


@pytest.mark.parametrize(("margin", "kept"), [(0.0, True), (1.7, True), (1.8, False)])
def test_the_margin_is_in_standard_errors(margin: float, kept: bool) -> None:
    # Gains 1, 1, 0, 0: mean 0.5, standard deviation √(1/3), standard error √(1/3)/2 = 0.289; 0.5 is 1.73 of them.
    after = BEFORE - np.array([1.0, 1.0, 0.0, 0.0])
    assert judge(BEFORE, after, GateRecipe(min_words=1, margin=margin)).kept is kept


def test_a_diverged_training_is_not_kept() -> None:
    verdict = judge(BEFORE, np.full(4, np.nan), GateRecipe(min_words=1, margin=0.0))
    assert not verdict.kept
    assert "diverged" in verdict.reason


def test_nothing_judged() -> None:
    verdict = not_judged("why", BEFORE)
    assert (verdict.kept, verdict.reason, verdict.before, verdict.after) == (False, "why", 3.5, 3.5)
    assert not_judged("why", np.zeros(0)).before == 0.0
