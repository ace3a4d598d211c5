"""Placeholders in the place of words: how words and spans are replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyboard_model.text.casing import canonical_form
from keyboard_model.text.masking import mask_words, replace_spans
from keyboard_model.text.units import words


def test_spans_are_replaced() -> None:
    assert replace_spans("abcdef", []) == "abcdef"
    assert replace_spans("abcdef", [(4, 5), (1, 2)]) == "a<#>cd<#>f"
    assert replace_spans("abcdef", [(1, 3), (2, 4), (4, 5)]) == "a<#>f"
    assert replace_spans("abcdef", [(1, 5), (2, 3)]) == "a<#>f"
    assert replace_spans("abcdef", [(0, 6)]) == "<#>"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ask Anna, ANNA!", "ask <#>, <#>!"),
        ("'anna' said", "'<#>' said"),
        ("<Anna> and <#>", "<#> and <#>"),
        ("anna's and Annabel", "anna's and Annabel"),
        ("anna@home (anna)", "<#>@home (<#>)"),
        ("nobody  here", "nobody  here"),
        ("", ""),
    ],
)
def test_a_word_is_masked_wherever_it_stands_alone(text: str, left: str) -> None:
    assert mask_words(text, "anna".__eq__) == left


def test_words_of_any_script_are_masked() -> None:
    assert mask_words("我们今天去", "今天".__eq__) == "我们<#>去"
    assert mask_words("ask u\u0308ber now", "über".__eq__) == "ask <#> now"
    assert mask_words("don’t go", "don't".__eq__) == "<#> go"


@pytest.mark.parametrize(
    "between", ["", "\u200b", "\u00ad", "\ufeff", "\u2060", "\u200d", "\u200e", "\ufe0f", "\U000e0061", "\u034f"]
)
@pytest.mark.parametrize("before", ["", "❤️", "☎️", "👩\u200d", "1️⃣", "🇩🇪", "\u200f", "‘", "'", "❤\u0301"])
def test_nothing_invisible_hides_a_word(before: str, between: str) -> None:
    left = mask_words(f"hi {before}{between}Za{between}nna, ok", canonical_form("Zanna").__eq__)
    assert canonical_form("zanna") not in canonical_form(left)
    assert left.endswith("<#>, ok")


def test_the_rest_of_the_text_stays_as_it_was_typed() -> None:
    assert mask_words("cafe\u0301 don’t so\u00adft anna\u200e 👩\u200d👧 Anna", "anna".__eq__) == (
        "cafe\u0301 don’t so\u00adft <#> 👩\u200d👧 <#>"
    )


@given(
    st.lists(
        st.sampled_from(
            [
                "Zanna",
                "zanna",
                "ZANNA",
                "ok",
                "❤️",
                "\u200d",
                "\ufe0f",
                "\u200b",
                " ",
                "\n",
                "'",
                "’",
                ",",
                "今天",
                "<#>",
            ]
        )
    )
)
def test_no_masked_word_is_left(parts: list[str]) -> None:
    text = "".join(parts)
    left = mask_words(text, "zanna".__eq__)
    assert "zanna" not in words(left)
    assert mask_words(left, "zanna".__eq__) == left
