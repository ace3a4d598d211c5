"""The corpora that the fuzzer damages."""

from __future__ import annotations

import random

from benchmarks.fuzz.targets.corpora import Corpora
from benchmarks.fuzz.targets.corpus_seeds import SEEDS


def test_every_seed_can_be_damaged() -> None:
    names = {name for number in range(500) for name in Corpora().make(random.Random(number))}
    assert names >= {name for name, _ in SEEDS}
