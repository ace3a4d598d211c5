"""What is done to a secret after it is drawn: check digits, and ways to write digits that hide a number."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

_ZEROS = "０٠۰०০೦๐၀០𝟎𝟘𝟬𝟶🯰"
_CIRCLED = "⓪①②③④⑤⑥⑦⑧⑨"
_SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_SUBSCRIPT = "₀₁₂₃₄₅₆₇₈₉"
_NEGATIVE_CIRCLED = "⓿❶❷❸❹❺❻❼❽❾"
_INVISIBLE = "\u200b\u200c\u200d\u2060\u00ad\ufeff\u200e\u200f\u202a\u034f\ufe0f"
_JOINTS = (".", " ", "-", ", ", " . ", " - ", "_", "·", "•", "*", "/", "\u2003", "\u2010", "…")
_WORDS = (
    "zero one two three four five six seven eight nine",
    "null eins zwei drei vier fünf sechs sieben acht neun",
    "zéro un deux trois quatre cinq six sept huit neuf",
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "zero uno due tre quattro cinque sei sette otto nove",
    "zero um dois três quatro cinco seis sete oito nove",
    "ноль один два три четыре пять шесть семь восемь девять",
)


def _each_digit(text: str, write: Callable[[int], str]) -> str:
    return "".join(write(int(character)) if character.isdigit() else character for character in text)


def as_keycaps(text: str, rng: random.Random) -> str:
    """Returns `text` with keycap emoji for its digits."""
    selector = rng.choice(("\ufe0f", ""))
    return _each_digit(text, lambda digit: f"{digit}{selector}\u20e3")


def in_other_digits(text: str, rng: random.Random) -> str:
    """Returns `text` with digits of one other script or shape."""
    sets = [*("".join(chr(ord(zero) + digit) for digit in range(10)) for zero in _ZEROS)]
    chosen = rng.choice([*sets, _CIRCLED, _SUPERSCRIPT, _SUBSCRIPT, _NEGATIVE_CIRCLED])
    return _each_digit(text, lambda digit: chosen[digit])


def with_invisible_characters(text: str, rng: random.Random) -> str:
    """Returns `text` with an invisible character after each digit but the last."""
    invisible = rng.choice(_INVISIBLE)
    return _each_digit(text[:-1], lambda digit: f"{digit}{invisible}") + text[-1]


def spread_out(text: str, rng: random.Random) -> str:
    """Returns the digits of `text` one by one, with the same sign between them."""
    return rng.choice(_JOINTS).join(text)


def as_digit_words(text: str, rng: random.Random) -> str:
    """Returns the digits of `text` as words of one language."""
    words = rng.choice(_WORDS).split()
    return rng.choice((" ", ", ", "-", " ")).join(words[int(digit)] for digit in text)


def luhn(number: str, rng: random.Random) -> str:
    """Returns `number` with its last digit replaced by the check digit of a card number."""
    digits = [int(character) for character in number if character.isdigit()][:-1]
    doubled = [2 * digit if index % 2 == 0 else digit for index, digit in enumerate(reversed(digits))]
    check = -sum(digit // 10 + digit % 10 for digit in doubled) % 10
    return f"{number[:-1]}{check}"


def checked_iban(text: str, rng: random.Random) -> str:
    """Returns the IBAN with right check digits in the place of its third and fourth character."""
    plain = "".join(text.split())
    moved = "".join(str(int(character, 36)) for character in f"{plain[4:]}{plain[:2]}00")
    return f"{text[:2]}{98 - int(moved) % 97:02d}{text[4:]}"


def lines_of_a_key(text: str, rng: random.Random) -> str:
    """Returns a block of random base64 with the name `text`."""
    alphabet = string.ascii_letters + string.digits
    lines = "\n".join("".join(rng.choices(alphabet, k=64)) for _ in range(3))
    return f"-----BEGIN {text}-----\n{lines}\n-----END {text}-----"


CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "none": lambda text, _: text,
    "as_keycaps": as_keycaps,
    "in_other_digits": in_other_digits,
    "with_invisible_characters": with_invisible_characters,
    "spread_out": spread_out,
    "as_digit_words": as_digit_words,
    "luhn": luhn,
    "checked_iban": checked_iban,
    "lines_of_a_key": lines_of_a_key,
}
"""The changes by the names that `secrets.toml` gives them."""
