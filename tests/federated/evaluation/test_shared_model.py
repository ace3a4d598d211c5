"""The tallies of the shared model on clients' text, compared with values computed by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_federated as tff

from federated.evaluation import shared_model
from federated.evaluation.shared_model import EMPTY, Tally, add, tally, whole_word_penalty, word_starts
from federated.runtime.tff_types import model_weights
from keyboard_model.batching import IGNORE
from keyboard_model.model import cifg_lstm
from keyboard_model.text.tokenizer import train

TOKENIZER = train({"see": 9, "you": 8, "home": 7, "ok": 6, "later": 5}, 400)
SHARED = cifg_lstm.init(len(TOKENIZER), 4, 6, seed=0)
BATCH, WINDOW = 2, 6
CLIENTS = [["see you home", "ok, see you later"], ["zzyzx ok"], ["..."]]


def batches_of(messages):
    return shared_model.evaluation_batches(TOKENIZER, messages, BATCH, WINDOW)


def by_hand(messages) -> tuple[int, int, int, float]:
    """Returns (words, hits at 1, hits at 3, loss), computed one word at a time."""
    words = hits_1 = hits_3 = 0
    loss = 0.0
    for message in messages:
        encoded = TOKENIZER.encode(message)
        state, previous_word = cifg_lstm.zero_state(1, SHARED), -1
        for token, target, word in zip(encoded.ids, encoded.ids[1:], encoded.word_of[1:], strict=False):
            features, state = cifg_lstm.step(SHARED, tf.constant([token]), state)
            scores = cifg_lstm.logits(SHARED, features).numpy()[0]
            if word < 0:
                continue
            loss += np.log(np.exp(scores).sum()) - scores[target]
            if word != previous_word:
                shown = sorted(TOKENIZER.single_piece_words, key=lambda i: -scores[i])[:3]
                words, hits_1, hits_3 = words + 1, hits_1 + (target == shown[0]), hits_3 + (target in shown)
            previous_word = word
    return words, hits_1, hits_3, float(loss)


def test_the_tally_of_each_client_is_the_one_computed_by_hand(execution):
    window, batch = 12, 2  # each message fits into a window
    evaluate = shared_model.build(SHARED, TOKENIZER, batch, window)
    data = [shared_model.evaluation_batches(TOKENIZER, messages, batch, window) for messages in CLIENTS]
    tallies = evaluate(model_weights(SHARED), data)
    assert len(tallies) == len(CLIENTS)
    for messages, counts in zip(CLIENTS, tallies, strict=True):
        words, hits_1, hits_3, loss = by_hand(messages)
        assert (counts["words"], counts["hits_at_1"], counts["hits_at_3"]) == (words, hits_1, hits_3)
        assert counts["loss_sum"] == pytest.approx(loss, rel=1e-4)
    assert [counts["words"] for counts in tallies] == [7, 2, 0]


def test_batches_keep_the_order_and_mark_every_word_once():
    batches = batches_of(CLIENTS[0])
    assert sum(int(batch.starts.sum()) for batch in batches) == 7
    tokens = np.concatenate([batch.tokens.reshape(-1) for batch in batches])
    expected = [i for message in CLIENTS[0] for i in TOKENIZER.encode(message).ids[:-1]]
    assert tokens[: len(expected)].tolist() == expected
    padding = np.concatenate([batch.targets.reshape(-1) for batch in batches])[len(expected) :]
    assert (padding == IGNORE).all()


def test_batches_have_the_declared_type():
    element = shared_model.evaluation_type(BATCH, WINDOW).element
    for batch in batches_of(CLIENTS[0]):
        tensors = (tff.TensorType(part.dtype.type, part.shape) for part in batch)
        assert tff.types.to_type(tuple(tensors)) == element


def test_clients_without_text_have_no_batch():
    assert batches_of([]) == batches_of([""]) == []


def floats(sums: Tally) -> list[float]:
    return [float(value) for value in sums]


def test_marks_the_first_piece_of_each_word():
    ids = np.array([[0, 0, 1, -1], [-1, 2, 2, -1], [3, -1, 4, 4]], np.int32)
    np.testing.assert_array_equal(word_starts(ids), [[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0]])


def test_a_word_in_two_windows_starts_once():
    np.testing.assert_array_equal(word_starts(np.array([[0, 1], [1, 2]], np.int32)), [[1, 1], [0, 1]])


def test_counts_words_hits_and_losses():
    scores = tf.math.log(tf.constant([[0.5, 0.3, 0.1, 0.06, 0.04]] * 5))
    targets = tf.constant([0, 2, 3, IGNORE, 1])
    starts = tf.constant([1, 1, 1, 0, 0])  # the last is the second piece of a word: its loss counts, but not as a word
    sums = floats(tally(scores, targets, starts, tf.zeros(5)))
    assert sums[:3] == [3, 1, 2]
    assert sums[3] == pytest.approx(-math.log(0.5 * 0.1 * 0.06 * 0.3), rel=1e-5)


def test_suggests_only_pieces_that_are_whole_words():
    scores = tf.constant([[5.0, 4.0, 3.0, 2.0, 1.0]])
    shown_first = tally(scores, tf.constant([3]), tf.constant([1]), tf.constant([-1e9, -1e9, -1e9, 0.0, 0.0]))
    assert floats(shown_first)[:3] == [1, 1, 1]


def test_the_penalty_is_zero_for_whole_words_only():
    tokenizer = train({"see": 9, "you": 8, "seeing": 1}, 300)
    penalty = whole_word_penalty(tokenizer)
    assert set(np.flatnonzero(penalty == 0)) == set(tokenizer.single_piece_words)
    assert penalty[tokenizer.bos] == np.float32(-1e9)


def test_adds_tallies_field_by_field():
    one = Tally(1.0, 2.0, 3.0, 4.0)
    assert add(EMPTY, one) == one
    assert add(one, one) == Tally(2.0, 4.0, 6.0, 8.0)
