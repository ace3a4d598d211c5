"""Training and test messages of a user, and which messages an adaptation learns from and holds out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keyboard_model.batching.time_splits import AdaptationWindow, count_words, newest_messages, split_by_time

MESSAGES = ["see you", "...", "at home", "ok", "now", "!", "thanks", "?"]


@pytest.mark.parametrize(
    ("share", "held_out"),
    [(0.0, []), (0.2, ["thanks", "?"]), (0.4, ["now", "!", "thanks", "?"]), (1.0, MESSAGES)],
)
def test_the_share_counts_messages_with_a_word(share: float, held_out: list[str]) -> None:
    window = AdaptationWindow.of(MESSAGES, 500, share)
    assert list(window.held_out) == held_out
    assert [*window.earlier, *window.training, *window.held_out] == MESSAGES
    assert not window.earlier


def test_at_least_one_message_is_held_out() -> None:
    window = AdaptationWindow.of(MESSAGES, 500, 0.01)
    assert list(window.held_out) == ["thanks", "?"]


def test_messages_before_the_newest_words_are_earlier() -> None:
    window = AdaptationWindow.of(MESSAGES, 4, 0.5)
    assert list(window.earlier) == ["see you", "..."]
    assert list(window.training) == ["at home", "ok"]
    assert list(window.held_out) == ["now", "!", "thanks", "?"]


@pytest.mark.parametrize("messages", [[], ["..."]])
def test_without_words_nothing_is_held_out(messages: list[str]) -> None:
    assert not AdaptationWindow.of(messages, 500, 0.2).held_out


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
