"""The swap margin protects the shared model's words."""

from __future__ import annotations

from device_runtime.prediction.predictor import apply_swap_margin

SHARED = [("you", 0.2), ("the", 0.1), ("me", 0.05)]


def test_a_slightly_more_probable_word_replaces_no_shared_word() -> None:
    personal = [("you", 0.2), ("the", 0.1), ("mum", 0.06), ("me", 0.05)]
    assert [word for word, _ in apply_swap_margin(SHARED, personal, 0.5, 3)] == ["you", "the", "me"]


def test_a_clearly_more_probable_word_replaces_the_weakest_shared_word() -> None:
    personal = [("mum", 0.3), ("you", 0.2), ("the", 0.1), ("me", 0.05)]
    assert apply_swap_margin(SHARED, personal, 0.5, 3) == [("mum", 0.3), ("you", 0.2), ("the", 0.1)]


def test_margin_0_gives_the_best_personal_words() -> None:
    personal = [("a", 0.3), ("b", 0.25), ("c", 0.2), ("you", 0.1), ("the", 0.05), ("me", 0.01)]
    assert apply_swap_margin(SHARED, personal, 0.0, 3) == personal[:3]


def test_an_unranked_shared_word_counts_as_the_last_ranked_word() -> None:
    personal = [("a", 0.3), ("b", 0.06)]
    assert apply_swap_margin(SHARED, personal, 9.0, 3) == [("me", 0.06), ("the", 0.06), ("you", 0.06)]
    assert apply_swap_margin(SHARED, personal, 1.0, 3) == [("a", 0.3), ("the", 0.06), ("you", 0.06)]


def test_personal_words_fill_empty_places() -> None:
    assert apply_swap_margin([("you", 0.2)], [("you", 0.2), ("a", 0.1), ("b", 0.05)], 9.0, 3) == [
        ("you", 0.2),
        ("a", 0.1),
        ("b", 0.05),
    ]
    assert apply_swap_margin([], [], 0.5, 3) == []
