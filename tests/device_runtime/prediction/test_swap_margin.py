"""When a personal word takes a shared word's key."""

from __future__ import annotations

from device_runtime.prediction.swap_margin import apply_swap_margin

SHARED = [("you", 0.2), ("the", 0.1), ("me", 0.05)]


def test_a_word_barely_more_probable_takes_no_key() -> None:
    personal = [("you", 0.2), ("the", 0.1), ("mum", 0.06), ("me", 0.05)]
    assert [word for word, _ in apply_swap_margin(SHARED, personal, 0.5, 3)] == ["you", "the", "me"]


def test_a_word_clearly_more_probable_takes_the_weakest_key() -> None:
    personal = [("mum", 0.3), ("you", 0.2), ("the", 0.1), ("me", 0.05)]
    assert apply_swap_margin(SHARED, personal, 0.5, 3) == [("mum", 0.3), ("you", 0.2), ("the", 0.1)]


def test_no_margin_gives_the_best_personal_words() -> None:
    personal = [("a", 0.3), ("b", 0.25), ("c", 0.2), ("you", 0.1), ("the", 0.05), ("me", 0.01)]
    assert apply_swap_margin(SHARED, personal, 0.0, 3) == personal[:3]


def test_a_shared_word_that_is_not_ranked_counts_as_the_last_ranked() -> None:
    personal = [("a", 0.3), ("b", 0.06)]
    assert apply_swap_margin(SHARED, personal, 9.0, 3) == [("me", 0.06), ("the", 0.06), ("you", 0.06)]
    assert apply_swap_margin(SHARED, personal, 1.0, 3) == [("a", 0.3), ("the", 0.06), ("you", 0.06)]


def test_free_keys_are_filled() -> None:
    assert apply_swap_margin([("you", 0.2)], [("you", 0.2), ("a", 0.1), ("b", 0.05)], 9.0, 3) == [
        ("you", 0.2),
        ("a", 0.1),
        ("b", 0.05),
    ]
    assert apply_swap_margin([], [], 0.5, 3) == []
