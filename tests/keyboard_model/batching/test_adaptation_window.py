"""Which messages an adaptation learns from, and which it holds out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keyboard_model.batching.adaptation_window import AdaptationWindow, count_words, newest_messages

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
