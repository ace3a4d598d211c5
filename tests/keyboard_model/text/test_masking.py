"""Placeholders in the place of words: how words and spans are replaced."""

from __future__ import annotations

import pytest

from keyboard_model.text.masking import canonical_form, mask_words, replace_spans


def test_spans_are_replaced() -> None:
    assert replace_spans("abcdef", []) == "abcdef"
    assert replace_spans("abcdef", [(4, 5), (1, 2)]) == "a<#>cd<#>f"
    assert replace_spans("abcdef", [(1, 3), (2, 4), (4, 5)]) == "a<#>f"
    assert replace_spans("abcdef", [(1, 5), (2, 3)]) == "a<#>f"
    assert replace_spans("abcdef", [(0, 6)]) == "<#>"


@pytest.mark.parametrize("word", ["Anna", "ANNA", "'anna'", "anna'"])
def test_canonical_form_ignores_case_and_quotes(word: str) -> None:
    assert canonical_form(word) == "anna"


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
