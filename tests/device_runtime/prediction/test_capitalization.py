"""Case put back: the typed letters, the owner's habits, then the language's rules."""

from __future__ import annotations

import pytest

from device_runtime.prediction.capitalization import CapitalizationModel, begins_sentence
from keyboard_model.text.units import units


def casing(*messages: str) -> CapitalizationModel:
    made = CapitalizationModel()
    for message in messages:
        made.observe(message, units(message))
    return made


@pytest.mark.parametrize(
    ("word", "prefix", "start", "shown"),
    [
        ("tomorrow", "", False, "tomorrow"),
        ("tomorrow", "", True, "Tomorrow"),
        ("tomorrow", "T", False, "Tomorrow"),
        ("tomorrow", "TO", False, "TOMORROW"),
        ("tomorrow", "tO", False, "tOmorrow"),
        ("tomorrow", "to", True, "tomorrow"),
        ("i", "", False, "I"),
        ("i'm", "", False, "I'm"),
        ("i'll", "i", False, "I'll"),
        ("it", "", False, "it"),
        ("straße", "S", False, "Straße"),
        ("'cause", "", True, "'cause"),
        ("ßa", "", True, "ßa"),
        ("今天", "", True, "今天"),
    ],
)
def test_without_habits(word: str, prefix: str, start: bool, shown: str) -> None:
    assert casing().restore(word, prefix, start) == shown


def test_names_as_the_owner_writes_them() -> None:
    made = casing("ask Anna", "is Anna there", "iPhone or my iPhone", "i like my iPhone")
    assert made.restore("anna", "", False) == "Anna"
    assert made.restore("anna", "a", False) == "Anna"
    assert made.restore("iphone", "", True) == "iPhone"


def test_one_capital_is_no_habit_and_the_start_of_a_sentence_none_at_all() -> None:
    assert casing("see Tom").restore("tom", "", False) == "tom"
    assert casing("Tom. Tom! Tom? Tom").restore("tom", "", False) == "tom"


def test_an_owner_who_begins_sentences_small() -> None:
    small = casing(*["hello there"] * 5)
    assert small.restore("ok", "", True) == "ok"
    assert small.restore("ok", "O", True) == "Ok"
    assert casing(*["hello there"] * 4).restore("ok", "", True) == "Ok"
    assert casing(*["hello there"] * 5, *["Hello there"] * 5).restore("ok", "", True) == "Ok"


def test_an_owner_who_writes_i_small() -> None:
    assert casing("ok i go", "so i do").restore("i", "", False) == "i"


def test_shouting_tells_nothing() -> None:
    assert casing("WHERE ARE YOU", "COME HERE").restore("are", "", False) == "are"


@pytest.mark.parametrize(
    ("before", "begins"),
    [("", True), ("ok", False), ("ok.", True), ("ok!! ", True), ("ok,", False), ("really ?", True), ("<#>", False)],
)
def test_where_a_sentence_begins(before: str, begins: bool) -> None:
    assert begins_sentence(units(before)) is begins
