"""What was typed is split into the text so far and the word being typed, and a suggestion replaces that word alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies

from device_runtime.prediction.typed_context import TypedContext
from keyboard_model.text.units import normalize


@pytest.mark.parametrize(
    ("context", "prefix", "before", "typed"),
    [
        ("see you", "", ["see", "you"], ""),
        ("see you", "To", ["see", "you"], "To"),
        ("see", "you to", ["see", "you"], "to"),
        ("see", "you ", ["see", "you"], ""),
        ("see", "you.", ["see", "you", "."], ""),
        ("see", " to", ["see"], "to"),
        ("", "", [], ""),
        ("", "   ", [], ""),
        ("see", "'", ["see"], "'"),
        ("see", "don’", ["see"], "don'"),
        ("ok \N{GRINNING FACE}", "u\u0308b", ["ok", ";"], "üb"),
        ("<URL> ok", "", ["<#>", "ok"], ""),
        ("see", "h" * 60, ["see"], "h" * 60),  # a next word must not be appended to it
        ("see", "you <URL>", ["see", "you", "<#>"], ""),
    ],
)
def test_splits_the_typed_text_into_context_and_prefix(
    context: str, prefix: str, before: list[str], typed: str
) -> None:
    split = TypedContext.of(context, prefix)
    assert ([unit.text for unit in split.before], split.prefix) == (before, typed)


@pytest.mark.parametrize(
    ("prefix", "replaced"),
    [
        ("ผมชื่อสม", "สม"),
        ("我叫小", "小"),
        ("ខ្ញុំឈ្មោះសុ", "សុ"),
        ("hello世", "世"),
        ("1\ufe0f\u20e3", ""),
        ("\N{HEAVY BLACK HEART}\ufe0f", ""),
        ("\N{GRINNING FACE}to", "to"),
        ("(to", "to"),
        ("well-kn", "kn"),
        ("u\u0308b", "u\u0308b"),  # two code points that normalize to one
        ("\N{GRINNING FACE}u\u0308b", "u\u0308b"),
        ("\N{DESERET SMALL LETTER LONG I}\N{DESERET SMALL LETTER LONG E}", "\U00010428\U00010429"),
        ("don\N{RIGHT SINGLE QUOTATION MARK}", "don\N{RIGHT SINGLE QUOTATION MARK}"),
        ("don't", "don't"),
        ("don\N{ACUTE ACCENT}", "don\N{ACUTE ACCENT}"),
        ("col\N{MIDDLE DOT}", "col\N{MIDDLE DOT}"),
        ("\u05e6\u05d4\N{HEBREW PUNCTUATION GERSHAYIM}", "\u05e6\u05d4\N{HEBREW PUNCTUATION GERSHAYIM}"),
        ("\u0645\u06cc\u200c", "\u0645\u06cc\u200c"),  # the joiner shows only before the next letter
        ("see\u200bto\u00ad", "see\u200bto\u00ad"),
        ("to ", ""),
        ("to.", ""),
        ("", ""),
    ],
)
def test_a_suggestion_replaces_only_the_word_being_typed(prefix: str, replaced: str) -> None:
    typed = TypedContext.of("", prefix)
    assert prefix[len(prefix) - typed.replaces :] == replaced
    letter = replaced[-2:-1]  # a sign at the end is read as if a letter followed
    assert typed.prefix in (normalize(replaced), normalize(replaced + letter)[:-1])


@given(prefix=strategies.text(strategies.sampled_from("aZé\u0308'’ ก็อ小ー😀❤\ufe0f\u200d1\u20e3.¿\u200c"), max_size=8))
@settings(max_examples=300)
def test_the_replaced_characters_are_the_end_of_what_was_typed(prefix: str) -> None:
    typed = TypedContext.of("see", prefix)
    replaced = prefix[len(prefix) - typed.replaces :]
    assert len(normalize(replaced)) == len(typed.prefix)
    assert not any(letter.isspace() for letter in replaced)
    assert typed.prefix == "" or normalize(prefix).endswith(typed.prefix)


def test_text_before_the_word_is_masked_as_it_would_be_stored() -> None:
    typed = TypedContext.of("call", "me,", masked=str.upper)
    assert (typed.text, typed.prefix) == ("CALL ME,", "")


@pytest.mark.parametrize(
    ("prefix", "word", "beginning"),
    [
        ("tomor", "tomorrow", "tomor"),
        ("Tomoro", "tomorrow", "T"),
        ("tomoro", "tomorrow", "t"),
        ("CANT", "can't", "CAN'T"),
        ("\u0130tanb", "istanbul", "I"),
    ],
)
def test_a_corrected_word_is_written_in_the_case_of_the_typed_letters(prefix: str, word: str, beginning: str) -> None:
    assert TypedContext.of("", prefix).in_case_of(word) == beginning
