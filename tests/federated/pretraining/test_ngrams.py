"""The n-grams of a text equal those of the same messages counted one by one."""

from collections import Counter

import numpy as np
import pytest

from federated.pretraining import ngrams
from federated.pretraining.encoded_text import EncodedText
from federated.pretraining.settings import PublicNgramConfig
from keyboard_model.ngram.kneser_ney import NgramCounts, kneser_ney, ngram_keys, ngram_occurrences
from keyboard_model.text.tokenizer import train

LINES = ["see you at home", "see you soon, ok?", "you see", "at home", "see you", "soon"] * 3


@pytest.mark.parametrize("lines_at_a_time", [1, 4, 1000])
@pytest.mark.parametrize("min_count", [1, 4])
def test_equal_a_plain_count(monkeypatch, tmp_path, lines_at_a_time, min_count):
    monkeypatch.setattr(ngrams, "_LINES_AT_A_TIME", lines_at_a_time)
    tokenizer = train({"see": 9, "you": 9, "at": 5, "home": 5, "soon": 5, "ok": 3}, 400)
    plain: Counter[int] = Counter()
    for line in LINES:
        for occurrence in ngram_occurrences(tokenizer.encode(line)):
            plain.update(map(int, ngram_keys(*occurrence)))
    keys = np.array(sorted(plain), np.int64)
    counts = np.array([plain[key] for key in keys], np.int64)
    expected = kneser_ney([NgramCounts(keys, counts, counts)], len(tokenizer), min_count, 1000)
    text = EncodedText.of(LINES, tokenizer)
    found = ngrams.ngrams_of(text, tokenizer, PublicNgramConfig(min_count=min_count), tmp_path / "sums", "these")
    assert found.to_bytes() == expected.to_bytes()
    assert len(found.trigrams.pieces) > 0
