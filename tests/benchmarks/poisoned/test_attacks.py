import numpy as np
import tensorflow as tf

from benchmarks.poisoned.attacks import flip_labels, scaled_update
from federated.job import TrainingConfig
from federated.runtime.tff_types import model_weights
from federated.training import fed_avg
from keyboard_model.batching import IGNORE, Batch
from keyboard_model.text.tokenizer import train
from tests.support.federated.toys import BOS, B, T, client, parameters

TOKENIZER = train({"see": 9, "you": 8, "home": 7, "ok": 6, "later": 5}, 400)
CONFIG = TrainingConfig(batch=B, window=T, dropout=0.0)


def test_flipped_labels_are_other_pieces_of_words_and_flip_back():
    words = sorted(TOKENIZER.single_piece_words)
    targets = np.array([[words[0], words[1], IGNORE]], np.int32)
    (flipped,) = flip_labels([Batch(targets, targets)], TOKENIZER)
    assert flipped.targets.tolist() == [[len(TOKENIZER) - 1, len(TOKENIZER) - 1 + words[0] - words[1], IGNORE]]
    assert np.array_equal(flipped.tokens, targets)
    assert np.array_equal(flip_labels([flipped], TOKENIZER)[0].targets, targets)


def test_an_update_is_multiplied_by_the_factor_of_its_client():
    weights = model_weights(parameters())
    batches = tf.data.Dataset.from_tensor_slices(tuple(map(np.stack, zip(*client(2, seed=1), strict=True))))
    honest = fed_avg.local_update(CONFIG, BOS)(weights, batches)["result"]
    factors = tf.data.Dataset.from_tensor_slices([tf.constant(10.0)])
    scaled = scaled_update(CONFIG, BOS)(weights, (factors, batches))["result"]
    for one, other in zip(scaled.update, honest.update, strict=True):
        np.testing.assert_allclose(one, 10 * other, rtol=1e-5)
    assert scaled.update_weight == honest.update_weight > 0
