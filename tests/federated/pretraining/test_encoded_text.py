"""The batches of encoded text are those of `pack`, shuffled by line."""

import numpy as np
import pytest

from federated.pretraining.encoded_text import EncodedText
from keyboard_model.batching import batches, pack
from keyboard_model.text.tokenizer import Tokenizer, train

LINES = ["see you at home", "", "!!!", "ok, see you soon", "no", "you see"]
BOTH = {"batch": 2, "window": 3}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train({word: 5 for line in LINES for word in line.replace(",", "").split()}, 400)


def all_batches(text: EncodedText, tokenizer: Tokenizer, seed: int = 0, length: int = 3, **changed: float):
    settings = {**BOTH, "bos": tokenizer.bos, "slot": tokenizer.slot, "word_dropout": 0.0} | changed
    parts = list(text.batches(np.random.default_rng(seed), length=length, **settings))
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def test_lines_without_a_word_are_left_out(tokenizer):
    text = EncodedText.of(LINES, tokenizer)
    assert len(text.starts) - 1 == 4
    assert (text.pieces[text.starts[:-1]] == tokenizer.bos).all()
    assert not len(EncodedText.of(["", "?"], tokenizer).pieces)


@pytest.mark.parametrize("length", [1, 2, 100])
def test_batches_are_packed_lines_in_a_shuffled_order(tokenizer, length):
    text = EncodedText.of(LINES, tokenizer)
    tokens, targets = all_batches(text, tokenizer, length=length)
    order = np.random.default_rng(0).permutation(4)
    with_words = [tokenizer.encode(line) for line in LINES if tokenizer.encode(line).words]
    windows = pack([with_words[at] for at in order], 3, tokenizer.bos)
    expected = batches(windows.tokens, windows.targets, 2, tokenizer.bos)
    assert np.array_equal(tokens, [batch.tokens for batch in expected])
    assert np.array_equal(targets, [batch.targets for batch in expected])
    assert len(tokens) == text.number_of_batches(2, 3)


def test_word_dropout_hides_inputs_and_keeps_lines_and_targets(tokenizer):
    text = EncodedText.of(LINES * 50, tokenizer)
    tokens, targets = all_batches(text, tokenizer)
    hidden, same = all_batches(text, tokenizer, word_dropout=0.5)
    assert np.array_equal(targets, same)
    assert np.array_equal(tokens == tokenizer.bos, hidden == tokenizer.bos)
    changed = (hidden != tokens)[tokens != tokenizer.bos]
    assert 0.4 < changed.mean() < 0.6 and (hidden[hidden != tokens] == tokenizer.slot).all()
