"""The walker finds the tables and vectors of a flatbuffer without its schema."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.fuzz.mutators import flatbuffers
from device_runtime.bundle.files import MODEL, read_files


def test_the_words_of_a_real_model_are_found_and_only_they_change(tiny_bundle: Path) -> None:
    model = read_files(tiny_bundle)[MODEL]
    words = flatbuffers.structure(model)
    assert len(words) > 1_000
    near = {word + at for word in words for at in range(4)}
    for seed in range(20):
        changed = flatbuffers.mutate(random.Random(seed), model, words)
        assert len(changed) == len(model)
        assert {at for at, (one, other) in enumerate(zip(model, changed, strict=True)) if one != other} <= near
