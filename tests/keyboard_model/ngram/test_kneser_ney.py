"""Kneser-Ney by hand, and what few people typed left out without a hole."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from keyboard_model.ngram.kneser_ney import NgramCounts, kneser_ney, ngram_keys, ngram_occurrences
from keyboard_model.ngram.table import NgramTable
from keyboard_model.text.tokenizer import Encoded

BOS, A, B, C, D, MARK, V = 1, 5, 6, 7, 8, 2, 10
CLIENTS = [[[A, B], [A, B], [D]], [[A, C], [B], [C, A, B]]]
ROUNDING = {"rtol": 5e-4, "atol": 3e-4}  # of float16


def encoded(pieces: list[int]) -> Encoded:
    return Encoded([BOS, *pieces], [-1, *(-1 if piece == MARK else 0 for piece in pieces)], [])


def pooled(clients: list[list[list[int]]]) -> NgramCounts:
    counts, typed_by = Counter(), defaultdict(set)
    for client, messages in enumerate(clients):
        for message in messages:
            for occurrence in ngram_occurrences(encoded(message)):
                for key in ngram_keys(*occurrence):
                    counts[key] += 1
                    typed_by[key].add(client)
    order = list(counts)
    return NgramCounts(
        *(np.array(part, np.int64) for part in (order, list(counts.values()), [len(typed_by[key]) for key in order]))
    )


def test_ngram_occurrences_of_a_message():
    assert list(ngram_occurrences(encoded([A, MARK, B]))) == [(BOS, BOS, A), (A, MARK, B)]
    assert list(ngram_occurrences(encoded([A]))) == [(BOS, BOS, A)]
    assert list(ngram_occurrences(encoded([MARK]))) == list(ngram_occurrences(encoded([]))) == []


def test_shares_agree_with_hand_computed_values():
    """Trigrams count 3, 2, 1 ×6: D 3/4. Bigrams have 2, 1 ×6 predecessors: D 3/4. Unigrams 2, 2, 2, 1: D 1/7."""
    table = kneser_ney(pooled(CLIENTS), V, min_clients=1)
    rest = 4 / 49 / V
    unigram = np.full(V, rest)
    unigram[[A, B, C, D]] += np.array([13, 13, 13, 6]) / 49
    np.testing.assert_allclose(table.distribution(A, A), unigram * 1 / 2 + at({B: 5 / 12, C: 1 / 12}), **ROUNDING)
    np.testing.assert_allclose(table.distribution(D, D), unigram, **ROUNDING)
    after_a = unigram / 2 + at({B: 5 / 12, C: 1 / 12})
    np.testing.assert_allclose(table.distribution(BOS, A), after_a / 2 + at({B: 5 / 12, C: 1 / 12}), **ROUNDING)
    np.testing.assert_allclose(table.distribution(C, A), after_a * 3 / 4 + at({B: 1 / 4}), **ROUNDING)
    begun = unigram * 3 / 4 + at(dict.fromkeys((A, B, C, D), 1 / 16))
    first = at({A: 3 / 8, B: 1 / 24, C: 1 / 24, D: 1 / 24})
    np.testing.assert_allclose(table.distribution(BOS, BOS), begun / 2 + first, **ROUNDING)


def test_ngrams_of_a_single_client_give_their_share_to_the_lower_order():
    """Of trigrams BOS BOS A is kept, of bigrams BOS A and A B, of unigrams A and B, each with its share of before."""
    table = kneser_ney(pooled(CLIENTS), V, min_clients=2)
    unigram = np.full(V, 23 / 49 / V) + at({A: 13 / 49, B: 13 / 49})
    after_a = unigram * 7 / 12 + at({B: 5 / 12})
    begun = (unigram * 15 / 16 + at({A: 1 / 16})) * 5 / 8 + at({A: 3 / 8})
    np.testing.assert_allclose(table.distribution(BOS, A), after_a, **ROUNDING)
    np.testing.assert_allclose(table.distribution(C, A), after_a, **ROUNDING)
    np.testing.assert_allclose(table.distribution(BOS, BOS), begun, **ROUNDING)
    assert table.distribution(A, B)[C] == table.distribution(A, B)[D] == table.distribution(A, B)[0]


@pytest.mark.parametrize("min_clients", [1, 2, 3])
def test_the_distribution_of_every_context_sums_to_one(min_clients):
    table = kneser_ney(pooled(CLIENTS), V, min_clients)
    for older in range(V):
        for newer in range(V):
            after = table.distribution(older, newer)
            assert after.sum() == pytest.approx(1, abs=1e-5) and (after >= 0).all()


def test_ngrams_of_too_few_clients_are_not_published():
    secret = [D, C, D, D]
    table = kneser_ney(pooled([*CLIENTS, [secret] * 100]), V, min_clients=2)
    assert set(table.bigrams.contexts) == {BOS, A} and set(table.trigrams.contexts) == {BOS * V + BOS}
    assert set(table.trigrams.pieces) == {A, D}  # begin a message of two clients each


def test_without_counts_every_piece_is_equally_likely():
    nothing = NgramCounts(*(np.zeros(0, np.int64) for _ in NgramCounts._fields))
    assert kneser_ney(nothing, V, min_clients=2).to_bytes() == NgramTable.empty(V).to_bytes()


def at(values: dict[int, float]) -> np.ndarray:
    made = np.zeros(V)
    made[list(values)] = list(values.values())
    return made
