"""Which texts are sensitive, and what is left of them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyboard_model.text.sensitive import mask_sensitive
from keyboard_model.text.units import PLACEHOLDER, words

PLAIN = st.sampled_from(
    ["see", "you", "at", "7", "ok!", "...", "12:30", "don't", "今天", "\N{GRINNING FACE}", "3pm", "x"]
)
SENTENCES = st.lists(PLAIN, max_size=6, unique=True).map(" ".join)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("call 91234567 now", "call <#> now"),
        ("call +65 9123-4567.", "call +<#>."),
        ("pin 1234", "pin <#>"),
        ("card 4111 1111 1111 1111, ok", "card <#>, ok"),
        ("code x7k2m94q", "code <#>"),
        ("(555) 123-45", "(<#>"),
        ("٠١٢٣ and 今天1234", "<#> and 今天<#>"),
        ("mail bob.b+x@mail.example.org, ok?", "mail <#>, ok?"),
        ("Bob@Example.COM", "<#>"),
        ("see https://a.b/c?d=1&e=2 ok", "see <#> ok"),
        ("go to www.x.com, bit.ly/ab2 or example.com", "go to <#> <#> or <#>"),
        ("ftp://x", "<#>"),
    ],
)
def test_sensitive_text_is_masked(text: str, left: str) -> None:
    assert mask_sensitive(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "at 7",
        "in 3 h",
        "123",
        "12:30",
        "gr8 2 c u 4 5",
        "don't",
        "ok.thanks",
        "dinner@home",
        "we @ home",
        "<#> <URL>",
        "",
        "’",
    ],
)
def test_other_text_is_not_masked(text: str) -> None:
    assert mask_sensitive(text) == text


@given(SENTENCES)
def test_plain_messages_are_unchanged(text: str) -> None:
    assert mask_sensitive(text) == text


@given(SENTENCES, st.integers(min_value=1000), SENTENCES)
def test_every_long_number_is_masked(before: str, number: int, after: str) -> None:
    left = mask_sensitive(f"{before} {number} {after}")
    assert str(number) not in left
    assert PLACEHOLDER in left


@given(st.lists(st.integers(0, 9999).map(str), min_size=4, max_size=8), st.sampled_from([" ", "-", ".", ", ", "/", ""]))
def test_every_long_number_in_groups_is_masked(groups: list[str], joint: str) -> None:
    assert not re.search(r"\d", mask_sensitive(f"it is {joint.join(groups)} ok"))


@given(SENTENCES, st.emails(), SENTENCES)
def test_every_email_address_is_masked(before: str, address: str, after: str) -> None:
    left = mask_sensitive(f"{before} {address} {after}")
    assert address not in left
    assert "@" not in left


@given(
    SENTENCES,
    st.sampled_from(["http://", "HTTPS://", "www.", "market://"]),
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1),
    SENTENCES,
)
def test_every_link_is_masked(before: str, scheme: str, rest: str, after: str) -> None:
    assert scheme not in mask_sensitive(f"{before} {scheme}{rest} {after}")


@given(st.text())
def test_masking_is_idempotent_and_leaves_no_long_number(text: str) -> None:
    left = mask_sensitive(text)
    assert mask_sensitive(left) == left
    assert all(sum(map(str.isdecimal, word)) <= 3 for word in words(left))


@pytest.mark.parametrize("part", ["a", "a.", "1 ", "www.", "a@", "a://", "-", "a1", "1.1@"])
def test_masking_time_is_linear_in_the_text(part: str) -> None:
    started = time.perf_counter()
    mask_sensitive(part * 50_000)
    assert time.perf_counter() - started < 5
