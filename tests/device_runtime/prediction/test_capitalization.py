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
        ("tomorrow", "to", True, "Tomorrow"),
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


SENTENCE_STARTS = [
    "",
    "ok. ",
    "ok!! ",
    "really ?",
    "ok\n",
    "ok,\r\n",
    "see\u2028",
    "ok\n\N{GRINNING FACE} (",
    *["¿", "¡", "(", "[", "{", "«", "“", "„", "‹", "「", "『", '"', "'", "‘", "⟨", "【"],
    "\N{GRINNING FACE}",
    "\N{HEAVY BLACK HEART}\ufe0f ",
    "1\ufe0f\u20e3 ",
    "\N{WAVING BLACK FLAG}\U000e0067\U000e0062\U000e007f ",
    "- ",
    "* ",
    "\u2022 ",
    "\u2014 ",
    "1. ",
    "12) ",
    "a) ",
    "(b) ",
    "iv) ",
    "- [ ] ",
    "Buy:\n- milk\n- ",
    "ok \N{GRINNING FACE}\n(\u201c",
    "Ok.) ",
    "He said \u201cok.\u201d ",
    "ok. \N{GRINNING FACE} \u00bf",
    "\u3053\u3093\u306b\u3061\u306f\u3002",
    "\u597d\uff01",
    "\u0643\u064a\u0641\u061f ",
    "\u0915\u094d\u092f\u093e\u0964 ",
    "\u12a5\u123a\u1362 ",
    "\u0548\u0582\u0580\u0589 ",
    "\u03a0\u03bf\u03cd \u03b5\u03af\u03c3\u03b1\u03b9\u037e ",
]
NO_SENTENCE_STARTS = [
    "ok",
    "ok,",
    "<#>",
    "ok \N{GRINNING FACE} ",
    "see (",
    "(see) ",
    "he said \u201c",
    "hola, \u00bf",
    "hi :) ",
    "well-",
    "5 - ",
    "see a) ",
    "ok) ",
    "one; ",
]


@pytest.mark.parametrize("before", SENTENCE_STARTS)
def test_a_sentence_begins(before: str) -> None:
    assert begins_sentence(units(before))


@pytest.mark.parametrize("before", NO_SENTENCE_STARTS)
def test_a_sentence_goes_on(before: str) -> None:
    assert not begins_sentence(units(before))


@pytest.mark.parametrize(
    "before", [*SENTENCE_STARTS, "ok \N{GRINNING FACE} ", "he said \u201c", "hola, \u00bf", "hi :) "]
)
def test_a_capital_that_may_begin_a_sentence_is_not_the_word_s_own(before: str) -> None:
    made = model_of(*[f"{before}Thanks for that"] * 3, f"{before}Anna is here, ask Anna", "is Anna there")
    assert made.restore("thanks", "", False) == "thanks"
    assert made.restore("anna", "", False) == "Anna"


@pytest.mark.parametrize(
    ("word", "prefix", "start", "shown"),
    [
        ("\N{LATIN SMALL LETTER DZ WITH CARON}ep", "", True, "\u01c5ep"),  # a digraph's own first-letter form
        ("\N{LATIN SMALL LETTER DZ WITH CARON}ep", "\u01c5", False, "\u01c5ep"),
        ("\N{GEORGIAN LETTER AN}\N{GEORGIAN LETTER BAN}", "", True, "\u10d0\u10d1"),  # no capitals at a beginning
        ("istanbul", "\u0130s", False, "\u0130stanbul"),
        ("istanbul", "\u0130ST", False, "\u0130STANBUL"),
        ("\u0131l\u0131k", "", True, "Il\u0131k"),
        ("\u03bf\u03b4\u03cc\u03c2", "\u039f", False, "\u039f\u03b4\u03cc\u03c2"),
        ("i'm", "I'", False, "I'm"),
        ("can't", "CA", False, "CAN'T"),
        ("\u0645\u0631\u062d\u0628\u0627", "", True, "\u0645\u0631\u062d\u0628\u0627"),
        ("\u0e2a\u0e21\u0e0a\u0e32\u0e22", "\u0e2a\u0e21", True, "\u0e2a\u0e21\u0e0a\u0e32\u0e22"),
    ],
)
def test_capitals_of_letters_with_odd_cases(word: str, prefix: str, start: bool, shown: str) -> None:
    assert model_of().restore(word, prefix, start) == shown
