"""Packing: no token lost, none counted twice, marks never a target."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keyboard_model.batching.windows import IGNORE, pack
from keyboard_model.text.tokenizer import Encoded

BOS = 1
SEE_YOU = Encoded(ids=[BOS, 10, 11, 3], word_of=[-1, 0, 1, -1], words=["see", "you"])
ZZYZX = Encoded(ids=[BOS, 20, 21, 22], word_of=[-1, 0, 0, 0], words=["zzyzx"])
NOTHING = Encoded(ids=[BOS], word_of=[-1], words=[])


def test_two_messages_packed_by_hand():
    windows = pack([SEE_YOU, ZZYZX], window=4, bos=BOS)
    np.testing.assert_array_equal(windows.tokens, [[BOS, 10, 11, BOS], [20, 21, BOS, BOS]])
    np.testing.assert_array_equal(windows.targets, [[10, 11, IGNORE, 20], [21, 22, IGNORE, IGNORE]])
    np.testing.assert_array_equal(windows.word_ids, [[0, 1, -1, 2], [2, 2, -1, -1]])
    assert {part.dtype for part in windows} == {np.dtype(np.int32)}


def test_no_messages_give_no_windows():
    for messages in ([], [NOTHING], [NOTHING] * 3):
        assert pack(messages, window=4, bos=BOS).tokens.shape == (0, 4)


def test_an_empty_message_changes_nothing():
    for one, other in zip(pack([SEE_YOU, NOTHING, ZZYZX], 4, BOS), pack([SEE_YOU, ZZYZX], 4, BOS), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_window_that_is_just_full_gets_no_padding():
    assert pack([SEE_YOU], window=3, bos=BOS).tokens.shape == (1, 3)


def messages():
    def encoded(words):
        ids = [BOS] + [piece for word in words for piece in word]
        word_of = [-1] + [i if len(word) else -1 for i, word in enumerate(words) for _ in word]
        return Encoded(ids, word_of, [str(i) for i in range(len(words))])

    word = st.lists(st.integers(2, 50), min_size=1, max_size=4)
    return st.lists(st.lists(word, max_size=6).map(encoded), max_size=6)


@given(messages(), st.integers(2, 9))
def test_every_piece_is_a_target_once_and_every_message_begins_with_bos(encoded, window):
    windows = pack(encoded, window, BOS)
    counted = windows.targets.reshape(-1) != IGNORE
    assert windows.targets.reshape(-1)[counted].tolist() == [i for message in encoded for i in message.ids[1:]]
    read = windows.tokens.reshape(-1)[: sum(len(message.ids) - 1 for message in encoded)]
    assert read.tolist() == [i for message in encoded for i in message.ids[:-1]]
    np.testing.assert_array_equal(counted, windows.word_ids.reshape(-1) >= 0)
    ids = windows.word_ids.reshape(-1)[counted]
    assert np.unique(ids).tolist() == list(range(sum(len(message.words) for message in encoded)))
    assert (np.diff(ids) >= 0).all()
    assert len(windows.tokens) == -(-len(read) // window)
