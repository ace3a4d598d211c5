"""The shared model on clients' own text: each client's tally stays apart, and is the one made by hand."""

import collections

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_federated as tff

from federated.evaluation import shared_model
from federated.training import fed_avg
from keyboard_model.batching.windows import IGNORE
from keyboard_model.model import cifg_lstm
from keyboard_model.text.tokenizer import train

TOKENIZER = train({"see": 9, "you": 8, "home": 7, "ok": 6, "later": 5}, 400)
SHARED = cifg_lstm.init(len(TOKENIZER), 4, 6, seed=0)
BATCH, WINDOW = 2, 6
CLIENTS = [["see you home", "ok, see you later"], ["zzyzx ok"], ["..."]]


def made(messages):
    return shared_model.evaluation_batches(TOKENIZER, messages, BATCH, WINDOW)


def by_hand(messages) -> tuple[int, int, int, float]:
    """A message at a time, a word at a time: (words, hits at 1, hits at 3, loss)."""
    words = hits_1 = hits_3 = 0
    loss = 0.0
    for message in messages:
        encoded = TOKENIZER.encode(message)
        state, begun = cifg_lstm.zero_state(1, SHARED), -1
        for token, target, word in zip(encoded.ids, encoded.ids[1:], encoded.word_of[1:], strict=False):
            features, state = cifg_lstm.step(SHARED, tf.constant([token]), state)
            scores = cifg_lstm.logits(SHARED, features).numpy()[0]
            if word < 0:
                continue
            loss += np.log(np.exp(scores).sum()) - scores[target]
            if word != begun:
                shown = sorted(TOKENIZER.single_piece_words, key=lambda i: -scores[i])[:3]
                words, hits_1, hits_3 = words + 1, hits_1 + (target == shown[0]), hits_3 + (target in shown)
            begun = word
    return words, hits_1, hits_3, float(loss)


def test_each_client_s_tally_is_the_one_made_by_hand(execution):
    # Windows as long as a message of these, so that no edge cuts one.
    window, batch = 12, 2
    evaluate = shared_model.build(SHARED, TOKENIZER, batch, window)
    data = [shared_model.evaluation_batches(TOKENIZER, messages, batch, window) for messages in CLIENTS]
    tallies = evaluate(fed_avg.model_weights(SHARED), data)
    assert len(tallies) == len(CLIENTS)
    for messages, tally in zip(CLIENTS, tallies, strict=True):
        words, hits_1, hits_3, loss = by_hand(messages)
        assert (tally["words"], tally["hits_at_1"], tally["hits_at_3"]) == (words, hits_1, hits_3)
        assert tally["loss_sum"] == pytest.approx(loss, rel=1e-4)
    assert [tally["words"] for tally in tallies] == [7, 2, 0]


def test_batches_keep_order_and_count_every_word_once():
    batches = made(CLIENTS[0])
    assert sum(int(batch["starts"].sum()) for batch in batches) == 7
    tokens = np.concatenate([batch["tokens"].reshape(-1) for batch in batches])
    expected = [i for message in CLIENTS[0] for i in TOKENIZER.encode(message).ids[:-1]]
    assert tokens[: len(expected)].tolist() == expected
    padding = np.concatenate([batch["targets"].reshape(-1) for batch in batches])[len(expected) :]
    assert (padding == IGNORE).all()


def test_the_batches_are_of_their_declared_type():
    element = shared_model.evaluation_type(BATCH, WINDOW).element
    for batch in made(CLIENTS[0]):
        tensors = ((name, tff.TensorType(part.dtype.type, part.shape)) for name, part in batch.items())
        assert tff.types.to_type(collections.OrderedDict(tensors)) == element


def test_nothing_typed_makes_no_batch():
    assert made([]) == made([""]) == []
