"""The model of published counts: shares of the context's own count, and the rest for the level below."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyboard_model.ngram.kneser_ney import ngram_keys
from keyboard_model.ngram.published_counts import LEAST_LEFT, from_counts

VOCAB, BOS, SEE, YOU, HOME = 10, 1, 5, 6, 7


def key(*ngram: int) -> int:
    older, newer, piece = (0, 0, *ngram)[-3:]
    return int(ngram_keys(np.int64(older), np.int64(newer), np.int64(piece))[len(ngram) - 1])


def table(counts: dict[tuple[int, ...], int], most: int = 100):
    pairs = sorted((key(*ngram), count) for ngram, count in counts.items())
    keys, values = (np.array(part, np.int64) for part in zip(*pairs, strict=True)) if pairs else np.zeros((2, 0), int)
    blocks = [(keys[:2], values[:2]), (keys[2:], values[2:])]
    return from_counts(blocks, VOCAB, BOS, most)


COUNTS = {
    (BOS,): 100,
    (SEE,): 200,
    (YOU,): 300,
    (BOS, SEE): 50,
    (SEE, YOU): 150,
    (BOS, SEE, YOU): 20,
    (BOS, BOS, SEE): 50,
}


def test_the_unigrams_leave_a_share_to_all_pieces_and_the_beginning_is_none():
    unigram = table(COUNTS).unigram
    assert unigram.sum() == pytest.approx(1.0)
    assert unigram[SEE] == pytest.approx(0.95 * 0.4 + LEAST_LEFT / VOCAB)
    assert unigram[BOS] == unigram[HOME] == pytest.approx(LEAST_LEFT / VOCAB)


def test_an_ngram_has_its_share_of_the_count_of_its_context():
    found = table(COUNTS)
    assert found.bigrams.contexts.tolist() == [BOS, SEE]
    np.testing.assert_allclose(found.bigrams.shares, [50 / 100, 150 / 200], rtol=1e-3)
    np.testing.assert_allclose(found.trigrams.shares, [50 / 100, 20 / 50], rtol=1e-3)


def test_contexts_that_are_not_published_are_as_large_as_what_follows_them():
    found = table({(SEE, YOU): 60, (SEE, HOME): 40, (YOU, SEE, HOME): 10})
    np.testing.assert_allclose(found.bigrams.shares, [0.95 * 0.6, 0.95 * 0.4], rtol=1e-3)
    np.testing.assert_allclose(found.trigrams.shares, [0.95], rtol=1e-3)


def test_the_most_frequent_ngrams_are_kept():
    found = table(COUNTS, most=2)
    assert found.bigrams.contexts.tolist() + found.trigrams.contexts.tolist() == [BOS, SEE]


def test_without_counts_every_piece_is_as_likely():
    np.testing.assert_allclose(table({}).unigram, 1 / VOCAB, rtol=1e-6)


pieces = st.integers(0, VOCAB - 1)


@given(st.dictionaries(st.one_of(*(st.tuples(*[pieces] * n) for n in (1, 2, 3))), st.integers(1, 10**6), max_size=40))
def test_every_distribution_sums_to_one(counts):
    found = table(counts)
    assert found.unigram.sum() == pytest.approx(1.0, abs=1e-5)
    for level in (found.bigrams, found.trigrams):
        assert np.all(level.left >= LEAST_LEFT - 1e-3) and np.all(level.left <= 1)
