import pytest

from keyboard_model.metrics import (
    WordCounts,
    count_word,
    fraction_helped,
    fraction_hurt,
    gains,
)


def test_word_suggested_first_saves_itself_and_its_space():
    assert count_word("later", ["later", "you"], 0) == WordCounts(1, 1, 1, 6, 6, 1)


def test_word_suggested_third_is_a_hit_at_three_only():
    assert count_word("later", ["a", "b", "later"], 0) == WordCounts(1, 0, 1, 6, 6, 1)


def test_tap_after_two_characters_saves_the_rest_and_the_space():
    assert count_word("later", ["a", "b", "c"], 2) == WordCounts(1, 0, 0, 6, 4, 1)


def test_word_that_shows_only_when_spelled_out_saves_its_space():
    assert count_word("ok", [], 2).characters_saved == 1


@pytest.mark.parametrize(("typed", "keys"), [(0, 1), (1, 2), (3, 4), (4, 5), (5, 6), (None, 6)])
def test_a_tap_that_costs_a_key_saves_all_letters_that_are_left(typed, keys):
    # "later" and its space take 6 keys. After "late", a tap saves one key; once "later" is typed, it saves none.
    counts = count_word("later", ["later"] if typed == 0 else [], typed)
    assert counts.characters - counts.characters_saved + counts.taps == keys
    assert counts.keystroke_savings_with_taps == pytest.approx(1 - keys / 6)


def test_word_never_shown_saves_nothing_and_still_counts():
    assert count_word("zzyzx", ["a"], None) == WordCounts(1, 0, 0, 6, 0)


def test_fourth_suggestion_is_a_miss():
    assert count_word("d", ["a", "b", "c", "d"], None).hits_at_3 == 0


def test_shares_of_a_hand_counted_message():
    # "see you later": "see" first, "you" after one character, "later" never.
    total = (
        count_word("see", ["see", "i", "ok"], 0)
        + count_word("you", ["u", "it", "me"], 1)
        + count_word("later", [], None)
    )
    assert total == WordCounts(words=3, hits_at_1=1, hits_at_3=1, characters=14, characters_saved=7, taps=2)
    assert total.recall_at_1 == pytest.approx(1 / 3)
    assert total.keystroke_savings == 0.5
    assert total.keystroke_savings_with_taps == pytest.approx(
        5 / 14
    )  # 9 keys: a tap, "y" and a tap, "later" and a space


def test_no_words_is_zero_not_an_error():
    assert (WordCounts().recall_at_1, WordCounts().recall_at_3, WordCounts().keystroke_savings) == (0.0, 0.0, 0.0)


def test_empty_counts_are_neutral():
    one = count_word("hi", ["hi"], 0)
    assert WordCounts() + one == one + WordCounts() == one


def test_hurt_and_helped():
    shared = [0.20, 0.20, 0.20, 0.20]
    personal = [0.19, 0.20, 0.21, 0.22]
    assert fraction_hurt(personal, shared) == 0.25
    assert fraction_helped(personal, shared) == 0.25


def test_helped_counts_a_gain_of_exactly_two_points():
    assert 0.3 - 0.28 < 0.02  # what floating point makes of it
    assert fraction_helped([0.30], [0.28]) == 1.0


def test_shares_hurt_and_helped_without_users_are_none():
    assert fraction_hurt([], []) is None
    assert fraction_helped([], []) is None


def test_different_people_are_refused():
    with pytest.raises(ValueError):
        gains([0.1], [0.1, 0.2])
