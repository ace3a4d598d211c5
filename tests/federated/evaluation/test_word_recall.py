"""Recall by word from scores, counted by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from federated.evaluation.shared_model import EMPTY, Tally, add, tally, whole_word_penalty, word_starts
from keyboard_model.batching.windows import IGNORE
from keyboard_model.text.tokenizer import train


def floats(found: Tally) -> list[float]:
    return [float(value) for value in found]


def test_word_starts_by_hand():
    ids = np.array([[0, 0, 1, -1], [-1, 2, 2, -1], [3, -1, 4, 4]], np.int32)
    np.testing.assert_array_equal(word_starts(ids), [[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0]])


def test_a_word_cut_by_a_window_s_edge_starts_once():
    np.testing.assert_array_equal(word_starts(np.array([[0, 1], [1, 2]], np.int32)), [[1, 1], [0, 1]])


def test_tally_by_hand():
    scores = tf.math.log(tf.constant([[0.5, 0.3, 0.1, 0.06, 0.04]] * 5))
    targets = tf.constant([0, 2, 3, IGNORE, 1])
    starts = tf.constant([1, 1, 1, 0, 0])  # the last is the second piece of a word: its loss counts, it is no word
    found = floats(tally(scores, targets, starts, tf.zeros(5)))
    assert found[:3] == [3, 1, 2]
    assert found[3] == pytest.approx(-math.log(0.5 * 0.1 * 0.06 * 0.3), rel=1e-5)


def test_pieces_that_are_no_whole_word_are_not_shown():
    scores = tf.constant([[5.0, 4.0, 3.0, 2.0, 1.0]])
    shown_first = tally(scores, tf.constant([3]), tf.constant([1]), tf.constant([-1e9, -1e9, -1e9, 0.0, 0.0]))
    assert floats(shown_first)[:3] == [1, 1, 1]


def test_penalty_spares_the_whole_words_alone():
    tokenizer = train({"see": 9, "you": 8, "seeing": 1}, 300)
    penalty = whole_word_penalty(tokenizer)
    assert set(np.flatnonzero(penalty == 0)) == set(tokenizer.single_piece_words)
    assert penalty[tokenizer.bos] == np.float32(-1e9)


def test_add_is_neutral_on_empty():
    one = Tally(1.0, 2.0, 3.0, 4.0)
    assert add(EMPTY, one) == one
    assert add(one, one) == Tally(2.0, 4.0, 6.0, 8.0)
