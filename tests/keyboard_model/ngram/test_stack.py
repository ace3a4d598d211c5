"""Two tables in one: the distribution equals that of the levels one after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyboard_model.ngram.stack import stacked
from keyboard_model.ngram.table import Level, NgramError, NgramTable, contexts_of

V = 4


@st.composite
def levels(draw: st.DrawFn, contexts: int) -> Level:
    rows = draw(st.dictionaries(st.tuples(st.integers(0, contexts - 1), st.integers(0, V - 1)), st.floats(0.01, 1.0)))
    totals = {context: sum(w for (c, _), w in rows.items() if c == context) for context, _ in rows}
    kept = draw(st.floats(0.1, 0.95))
    keys = list(rows)
    shares = [kept * rows[key] / totals[key[0]] for key in keys]
    return Level.of([context for context, _ in keys], [piece for _, piece in keys], shares)


@st.composite
def tables(draw: st.DrawFn) -> NgramTable:
    weights = np.array(draw(st.lists(st.floats(0.01, 1.0), min_size=V, max_size=V)))
    return NgramTable((weights / weights.sum()).astype(np.float32), draw(levels(V)), draw(levels(V * V)))


@settings(max_examples=100, deadline=None)
@given(tables(), tables(), st.floats(0, 1))
def test_equals_the_levels_one_after_the_other(base, users, share):
    both = stacked(base, users, share)
    for older in range(V):
        for newer in range(V):
            expected = (share * users.unigram + (1 - share) * base.unigram).astype(np.float32)
            for level in (base.bigrams, users.bigrams):
                level.spread(expected, newer)
            for level in (base.trigrams, users.trigrams):
                level.spread(expected, contexts_of(older, newer, V))
            found = both.distribution(older, newer)
            np.testing.assert_allclose(found, expected, atol=3e-3)  # shares are stored in two bytes
            assert found.sum() == pytest.approx(1, abs=1e-5)


def test_an_empty_table_changes_only_the_unigrams():
    table = NgramTable(
        np.array([0.7, 0.1, 0.1, 0.1], np.float32), Level.of([1], [2], [0.5]), Level.of([6], [3], [0.25])
    )
    for both in (stacked(NgramTable.empty(V), table, 1.0), stacked(table, NgramTable.empty(V), 0.0)):
        assert both.to_bytes() == table.to_bytes()


def test_other_vocabularies_are_refused():
    with pytest.raises(NgramError, match="4 and 5 pieces"):
        stacked(NgramTable.empty(4), NgramTable.empty(5))


def test_stored_and_read_back():
    one = NgramTable(np.full(V, 0.25, np.float32), Level.of([1, 2], [2, 0], [0.5, 0.3]), Level.of([6], [3], [0.25]))
    other = NgramTable(np.full(V, 0.25, np.float32), Level.of([1, 3], [2, 0], [0.9, 0.3]), Level.of([], [], []))
    both = stacked(one, other)
    assert NgramTable.from_bytes(both.to_bytes()).to_bytes() == both.to_bytes()
    assert list(both.bigrams.contexts) == [1, 2, 3]


@settings(max_examples=100, deadline=None)
@given(tables(), st.integers(0, 3))
def test_a_wider_vocabulary_has_the_same_distributions(table, more):
    wide = table.widened(V + more)
    assert NgramTable.from_bytes(wide.to_bytes()).vocab == V + more
    for older in range(V):
        for newer in range(V):
            expected = np.pad(table.distribution(older, newer), (0, more))
            np.testing.assert_array_equal(wide.distribution(older, newer), expected)
