"""Suggestions that go on with a second word."""

import pytest

from device_runtime.phone.phone import Phone
from device_runtime.prediction.predictor import Suggestion
from device_runtime.prediction.two_words import LEAST, with_second_words


def suggestion(word: str, probability: float = 0.1, *, space_after: bool = True) -> Suggestion:
    return Suggestion(word, word, probability, replaces=0, space_after=space_after)


@pytest.mark.parametrize(("probability", "then"), [(LEAST, "the"), (LEAST - 0.01, "")])
def test_the_second_word_must_be_probable_after_the_first(probability, then):
    (extended,) = with_second_words([suggestion("at")], lambda first: suggestion("the", probability))
    assert (extended.word, extended.then, extended.space_after) == ("at", then, True)


def test_a_word_without_a_space_after_it_stays_alone():
    alone = suggestion("สมชาย", space_after=False)
    assert with_second_words([alone], lambda first: suggestion("the", 0.9)) == [alone]


def test_a_word_after_which_nothing_is_suggested_stays_alone():
    assert with_second_words([suggestion("at")], lambda first: None) == [suggestion("at")]


def test_the_space_after_two_words_is_that_of_the_second():
    (extended,) = with_second_words([suggestion("mr")], lambda first: suggestion("สมชาย", 0.9, space_after=False))
    assert (extended.then, extended.space_after) == ("สมชาย", False)


def test_a_phone_goes_on_with_what_its_owner_always_types(phone: Phone):
    phone.observe_many(["let us meet at the Quuxville station"] * 40)
    (first, *_) = phone.predict("let us meet at the", "quu", two_words=True)
    assert (first.text, first.then, first.replaces) == ("Quuxville", "station", 3)
    assert phone.predict("let us meet at the", "quu")[0].then == ""
    assert not any(each.then for each in phone.predict("let us meet at the", "quu", personal=False, two_words=True))


def test_a_forgotten_or_blocked_second_word_is_not_suggested(phone: Phone):
    phone.observe_many(["let us meet at the Quuxville station"] * 40)
    phone.block(["station"])
    assert phone.predict("let us meet at the", "quu", two_words=True)[0].then != "station"
