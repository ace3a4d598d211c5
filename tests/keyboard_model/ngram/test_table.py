"""The table a phone keeps: interpolation by hand, distributions that sum to 1, damage named."""

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from keyboard_model.ngram.table import Level, NgramError, NgramTable

V = 5
TABLE = NgramTable(
    np.array([0.1, 0.2, 0.3, 0.4, 0.0], np.float32),
    Level.of([2, 2, 0], [3, 1, 0], [0.25, 0.5, 0.125]),
    Level.of([1 * V + 2], [4], [0.5]),  # after 1 and 2
)


def test_levels_by_hand():
    unigram = TABLE.unigram
    after_2 = 0.25 * unigram + np.array([0, 0.5, 0, 0.25, 0])
    np.testing.assert_array_equal(TABLE.distribution(3, 4), unigram)
    np.testing.assert_allclose(TABLE.distribution(3, 2), after_2, rtol=1e-6)
    np.testing.assert_allclose(TABLE.distribution(1, 2), 0.5 * after_2 + np.array([0, 0, 0, 0, 0.5]), rtol=1e-6)


def test_a_context_of_the_trigrams_that_no_bigram_has():
    table = NgramTable(TABLE.unigram, Level.of([], [], []), TABLE.trigrams)
    np.testing.assert_allclose(table.distribution(1, 2), [0.05, 0.1, 0.15, 0.2, 0.5], rtol=1e-6)


def test_a_returned_distribution_is_a_copy():
    TABLE.distribution(1, 2)[:] = 0
    assert TABLE.distribution(3, 4).sum() == pytest.approx(1)


def test_an_empty_table_is_uniform():
    np.testing.assert_array_equal(NgramTable.empty(4).distribution(0, 1), np.full(4, 0.25, np.float32))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=V))
def test_rounded_shares_never_sum_to_more_than_one(weights):
    exact = np.array(weights) / np.sum(weights)
    level = Level.of(np.zeros(len(exact), int), np.arange(len(exact)), exact)
    assert 0 <= level.left[0] < 0.01 if len(level.left) else exact.max() < 1e-7
    after = np.full(V, 1 / V, np.float32)
    level.spread(after, 0)
    assert after.sum() == pytest.approx(1, abs=1e-6) and (after >= 0).all()


def test_a_stored_table_is_read_back_unchanged():
    read = NgramTable.from_bytes(TABLE.to_bytes())
    for older in range(V):
        for newer in range(V):
            np.testing.assert_array_equal(read.distribution(older, newer), TABLE.distribution(older, newer))
    assert read.to_bytes() == TABLE.to_bytes()
    assert NgramTable.from_bytes(NgramTable.empty(7).to_bytes()).vocab == 7


def test_the_largest_vocabulary_has_room_for_every_context():
    last = 65535
    table = NgramTable(
        np.full(last + 1, 1 / (last + 1), np.float32),
        Level.of([last], [last], [0.5]),
        Level.of([last * (last + 1) + last], [last], [0.5]),
    )
    read = NgramTable.from_bytes(table.to_bytes())
    assert read.distribution(last, last)[last] == pytest.approx(0.75, abs=1e-4)
    assert read.distribution(0, last)[last] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("data", [b"", b"nonsense", TABLE.to_bytes()[:-1], TABLE.to_bytes()[:40]])
def test_bytes_that_are_not_a_table_are_refused(data):
    with pytest.raises(NgramError, match="cannot be read"):
        NgramTable.from_bytes(data)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("unigram", np.array([0.5, 0.1], np.float32), "unigrams"),
        ("unigram", np.array([np.nan] * V, np.float32), "unigrams"),
        ("unigram", np.array([1.5, -0.5, 0, 0, 0], np.float32), "unigrams"),
        ("unigram", TABLE.unigram.astype(np.float64), "other tensors"),
        ("more", TABLE.unigram, "other tensors"),
        ("bigrams.starts", np.array([], np.uint32), "bigrams"),
        ("bigrams.starts", np.array([0, 0, 3], np.uint32), "bigrams"),
        ("bigrams.starts", np.array([0, 2, 1], np.uint32), "bigrams"),
        ("bigrams.starts", np.array([0, 1, 9], np.uint32), "bigrams"),
        ("bigrams.starts", np.array([1, 2, 3], np.uint32), "bigrams"),
        ("bigrams.contexts", np.array([2, 0], np.uint32), "bigrams"),
        ("bigrams.contexts", np.array([0, V], np.uint32), "bigrams"),
        ("bigrams.pieces", np.array([0, 3, 1], np.uint16), "bigrams"),
        ("bigrams.pieces", np.array([0, 1, 1], np.uint16), "bigrams"),
        ("bigrams.pieces", np.array([0, 1, V], np.uint16), "bigrams"),
        ("bigrams.shares", np.array([0.1, 0.7, 0.7], np.float16), "bigrams"),
        ("bigrams.shares", np.array([0.1, -0.1, 0.2], np.float16), "bigrams"),
        ("bigrams.shares", np.array([0.1, np.inf, 0.2], np.float16), "bigrams"),
        ("trigrams.contexts", np.array([V * V], np.uint32), "trigrams"),
        ("trigrams.shares", np.array([np.nan], np.float16), "trigrams"),
    ],
)
def test_numbers_that_make_no_distribution_are_refused(name, value, reason):
    tensors = safetensors.numpy.load(TABLE.to_bytes())
    with pytest.raises(NgramError, match=reason):
        NgramTable.from_bytes(safetensors.numpy.save(tensors | {name: value}))
