"""Kneser-Ney by hand, and what few people typed left out without a hole."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from keyboard_model.ngram.kneser_ney import BIGRAM, ROTATED, NgramCounts, kneser_ney, ngram_keys, ngram_occurrences
from keyboard_model.ngram.table import Level, NgramTable
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
    order = sorted(counts)
    return NgramCounts(
        *(
            np.array(part, np.int64)
            for part in (order, [counts[key] for key in order], [len(typed_by[key]) for key in order])
        )
    )


def smoothed(counts: NgramCounts, min_clients: int, max_ngrams: int = 1000, block: int = 1000) -> NgramTable:
    starts = range(0, max(len(counts.keys), 1), block)
    blocks = (NgramCounts(*(part[start : start + block] for part in counts)) for start in starts)
    return kneser_ney(blocks, V, min_clients, max_ngrams)


def test_ngram_occurrences_of_a_message():
    assert list(ngram_occurrences(encoded([A, MARK, B]))) == [(BOS, BOS, A), (A, MARK, B)]
    assert list(ngram_occurrences(encoded([A]))) == [(BOS, BOS, A)]
    assert list(ngram_occurrences(encoded([MARK]))) == list(ngram_occurrences(encoded([]))) == []


def test_shares_agree_with_hand_computed_values():
    """Trigrams count 3, 2, 1 ×6: D 3/4. Bigrams have 2, 1 ×6 predecessors: D 3/4. Unigrams 2, 2, 2, 1: D 1/7."""
    table = smoothed(pooled(CLIENTS), 1)
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
    table = smoothed(pooled(CLIENTS), 2)
    unigram = np.full(V, 23 / 49 / V) + at({A: 13 / 49, B: 13 / 49})
    after_a = unigram * 7 / 12 + at({B: 5 / 12})
    begun = (unigram * 15 / 16 + at({A: 1 / 16})) * 5 / 8 + at({A: 3 / 8})
    np.testing.assert_allclose(table.distribution(BOS, A), after_a, **ROUNDING)
    np.testing.assert_allclose(table.distribution(C, A), after_a, **ROUNDING)
    np.testing.assert_allclose(table.distribution(BOS, BOS), begun, **ROUNDING)
    assert table.distribution(A, B)[C] == table.distribution(A, B)[D] == table.distribution(A, B)[0]


@pytest.mark.parametrize("min_clients", [1, 2, 3])
def test_the_distribution_of_every_context_sums_to_one(min_clients):
    table = smoothed(pooled(CLIENTS), min_clients)
    for older in range(V):
        for newer in range(V):
            after = table.distribution(older, newer)
            assert after.sum() == pytest.approx(1, abs=1e-5) and (after >= 0).all()


def test_ngrams_of_too_few_clients_are_not_published():
    secret = [D, C, D, D]
    table = smoothed(pooled([*CLIENTS, [secret] * 100]), 2)
    assert set(table.bigrams.contexts) == {BOS, A} and set(table.trigrams.contexts) == {BOS * V + BOS}
    assert set(table.trigrams.pieces) == {A, D}  # begin a message of two clients each


def test_without_counts_every_piece_is_equally_likely():
    nothing = NgramCounts(*(np.zeros(0, np.int64) for _ in NgramCounts._fields))
    assert smoothed(nothing, 2).to_bytes() == NgramTable.empty(V).to_bytes()


@pytest.mark.parametrize("min_clients", [1, 2])
@pytest.mark.parametrize("block", [1, 2, 3, 7])
def test_blocks_may_end_anywhere(min_clients, block):
    counts = pooled(CLIENTS)
    assert smoothed(counts, min_clients, block=block).to_bytes() == smoothed(counts, min_clients).to_bytes()


def test_equals_the_same_model_computed_without_blocks():
    rng = np.random.default_rng(0)
    clients = [[rng.geometric(0.3, 6).clip(max=V - 1).tolist() for _ in range(20)] for _ in range(8)]
    for min_clients in (1, 2, 4):
        counts = pooled(clients)
        assert smoothed(counts, min_clients, block=5).to_bytes() == in_memory(clients, min_clients).to_bytes()


def in_memory(clients: list[list[list[int]]], min_clients: int) -> NgramTable:
    """Equations 22-24 of Chen and Goodman on dictionaries of tuples."""
    counts, typed_by = Counter(), defaultdict(set)
    for client, messages in enumerate(clients):
        for message in messages:
            for occurrence in ngram_occurrences(encoded(message)):
                counts[occurrence] += 1
                for start in range(3):
                    typed_by[occurrence[start:]].add(client)

    def kept_shares(counts_of: Counter) -> dict[tuple[int, ...], float]:
        once, twice = (sum(count == times for count in counts_of.values()) for times in (1, 2))
        discount, totals = once / (once + 2 * twice) if once else 0.0, Counter()
        for ngram, count in counts_of.items():
            totals[ngram[:-1]] += count
        return {
            ngram: max(count - discount, 0.0) / totals[ngram[:-1]]
            for ngram, count in sorted(counts_of.items())
            if len(typed_by[ngram]) >= min_clients
        }

    bigrams = Counter(ngram[1:] for ngram in counts)
    high, middle, low = map(kept_shares, (counts, bigrams, Counter(ngram[1:] for ngram in bigrams)))
    unigram = np.full(V, (1.0 - np.array(list(low.values())).sum()) / V)
    for (piece,), share in low.items():
        unigram[piece] += share
    return NgramTable(
        unigram.astype(np.float32),
        Level.of(*zip(*middle, strict=True), list(middle.values())),
        Level.of([u * V + v for u, v, _ in high], [w for *_, w in high], list(high.values())),
    )


@pytest.mark.parametrize("block", [1, 1000])
def test_too_many_ngrams_leave_out_those_of_the_fewest_clients(block):
    counts = pooled([*CLIENTS, [[A, B]], [[A]]])
    clients_of = counts.clients[(counts.keys >= BIGRAM) & (counts.keys < ROTATED)]
    for most in range(1, len(clients_of) + 1):
        raised = next(n for n in range(1, 9) if (clients_of >= n).sum() <= most)
        limited, expected = smoothed(counts, 1, most, block), smoothed(counts, raised)
        for name in ("bigrams", "trigrams"):
            parts, wanted = (getattr(table, name).tensors("") for table in (limited, expected))
            assert all((parts[part] == wanted[part]).all() for part in wanted)
        np.testing.assert_array_equal(limited.unigram, smoothed(counts, 1).unigram)


def at(values: dict[int, float]) -> np.ndarray:
    made = np.zeros(V)
    made[list(values)] = list(values.values())
    return made
