from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyboard_model.batching import IGNORE, AdaptationWindow, count_words, newest_messages, pack, split_by_time
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


MESSAGES = ["see you", "...", "at home", "ok", "now", "!", "thanks", "?"]


@pytest.mark.parametrize(
    ("share", "held_out"),
    [(0.0, []), (0.2, ["thanks", "?"]), (0.4, ["now", "!", "thanks", "?"]), (1.0, MESSAGES)],
)
def test_the_share_counts_messages_with_a_word(share: float, held_out: list[str]) -> None:
    window = AdaptationWindow.of(MESSAGES, 500, share, 1_000)
    assert list(window.held_out) == held_out
    assert [*window.earlier, *window.training, *window.held_out] == MESSAGES
    assert not window.earlier


def test_at_least_one_message_is_held_out() -> None:
    window = AdaptationWindow.of(MESSAGES, 500, 0.01, 1_000)
    assert list(window.held_out) == ["thanks", "?"]


@pytest.mark.parametrize(("words", "held_out"), [(1, 2), (2, 4), (3, 5), (4, 6), (1_000, 8)])
def test_no_more_words_are_held_out_than_allowed(words: int, held_out: int) -> None:
    window = AdaptationWindow.of(MESSAGES, 500, 1.0, words)
    assert list(window.held_out) == MESSAGES[-held_out:]
    assert [*window.training, *window.held_out] == MESSAGES


def test_messages_before_the_newest_words_are_earlier() -> None:
    window = AdaptationWindow.of(MESSAGES, 4, 0.5, 1_000)
    assert list(window.earlier) == ["see you", "..."]
    assert list(window.training) == ["at home", "ok"]
    assert list(window.held_out) == ["now", "!", "thanks", "?"]


@pytest.mark.parametrize("messages", [[], ["..."]])
def test_without_words_nothing_is_held_out(messages: list[str]) -> None:
    assert not AdaptationWindow.of(messages, 500, 0.2, 1_000).held_out


def test_no_more_messages_are_read_than_needed() -> None:
    def newest_first() -> Iterator[str]:
        yield from ("d e", "...", "a b c", "the message that shows the need is met")
        raise AssertionError("read on")

    assert newest_messages(newest_first(), 4, count_words) == ["a b c", "...", "d e"]


@pytest.mark.parametrize(("count", "trained"), [(0, 0), (2, 1), (4, 3), (5, 4), (9, 7), (10, 8), (100, 80)])
def test_the_first_four_fifths_are_for_training(count: int, trained: int) -> None:
    training, testing = split_by_time(list(range(count)), 0.8)
    assert training == list(range(trained))
    assert [*training, *testing] == list(range(count))


def test_a_single_message_is_learned_from_and_leaves_nothing_to_test() -> None:
    assert split_by_time(["hi"], 0.8) == (["hi"], [])


def test_floating_point_loses_no_message() -> None:
    assert len(split_by_time(range(100), 0.29)[0]) == 29  # 100 * 0.29 = 28.999999999999996


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        split_by_time([1], share)
