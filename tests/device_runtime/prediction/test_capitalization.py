"""Upper case is restored from the typed letters, the owner's usage and the rules of English."""

from __future__ import annotations

import pytest

from device_runtime.prediction.capitalization import CapitalizationModel, begins_sentence
from keyboard_model.text.units import units


def model_of(*messages: str) -> CapitalizationModel:
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
def test_applies_the_general_rules(word: str, prefix: str, start: bool, shown: str) -> None:
    assert model_of().restore(word, prefix, start) == shown


def test_writes_names_as_the_owner_does() -> None:
    made = model_of("ask Anna", "is Anna there", "iPhone or my iPhone", "i like my iPhone")
    assert made.restore("anna", "", False) == "Anna"
    assert made.restore("anna", "a", False) == "Anna"
    assert made.restore("iphone", "", True) == "iPhone"


def test_needs_two_capitals_that_do_not_begin_a_sentence() -> None:
    assert model_of("see Tom").restore("tom", "", False) == "tom"
    assert model_of("Tom. Tom! Tom? Tom").restore("tom", "", False) == "tom"


def test_begins_sentences_in_lower_case_if_the_owner_does() -> None:
    small = model_of(*["hello there"] * 5)
    assert small.restore("ok", "", True) == "ok"
    assert small.restore("ok", "O", True) == "Ok"
    assert model_of(*["hello there"] * 4).restore("ok", "", True) == "Ok"
    assert model_of(*["hello there"] * 5, *["Hello there"] * 5).restore("ok", "", True) == "Ok"


def test_writes_i_in_lower_case_if_the_owner_does() -> None:
    assert model_of("ok i go", "so i do").restore("i", "", False) == "i"


def test_ignores_messages_all_in_upper_case() -> None:
    assert model_of("WHERE ARE YOU", "COME HERE").restore("are", "", False) == "are"


@pytest.mark.parametrize(
    ("before", "begins"),
    [("", True), ("ok", False), ("ok.", True), ("ok!! ", True), ("ok,", False), ("really ?", True), ("<#>", False)],
)
def test_begins_sentence(before: str, begins: bool) -> None:
    assert begins_sentence(units(before)) is begins
