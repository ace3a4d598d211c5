"""A corpus of made-up secrets and of ordinary messages with numbers, drawn from shapes by a fixed seed.

A *shape* (in `secrets.toml` and `ordinary.toml`) is text with parts in braces: `{d4}` is four digits, `{10-59}` a
number of that range, `{tea|milk}` one of several words, `{@name}` one of the file's list of that name. Shapes of
secrets with an odd index are held out, and so is every other kind of ordinary message: no rule was written for them.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.secrets.changes import CHANGES

_FOLDER = Path(__file__).parent
_LOWER, _UPPER, _DIGITS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
_ALPHABETS = {
    "d": _DIGITS,
    "n": _DIGITS[1:],
    "A": _UPPER,
    "a": _LOWER,
    "X": _UPPER + _DIGITS,
    "x": _LOWER + _DIGITS,
    "h": _DIGITS + "abcdef",
    "H": _DIGITS + "ABCDEF",
    "m": _UPPER + _LOWER + _DIGITS,
    "s": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
}
_PART = re.compile(r"\{(?:(?P<alphabet>[dnAaXxhHms])(?P<count>\d+)|(?P<low>\d+)-(?P<high>\d+)|(?P<words>[^{}]*))\}")


@dataclass(frozen=True, slots=True)
class Case:
    """One message of the corpus.

    Attributes:
        kind: Name of its kind.
        held_out: Whether the rules were written without it.
        text: The message.
        secret: The secret in it; "" = none.
    """

    kind: str
    held_out: bool
    text: str
    secret: str = ""


def draw(shape: str, rng: random.Random) -> str:
    """Returns a text of the shape.

    >>> draw("{tea|tea} at {10-10}.{d0}", random.Random(0))
    'tea at 10.'
    """

    def part(match: re.Match[str]) -> str:
        if match["alphabet"]:
            return "".join(rng.choices(_ALPHABETS[match["alphabet"]], k=int(match["count"])))
        if match["low"]:
            return str(rng.randint(int(match["low"]), int(match["high"]))).zfill(len(match["low"]))
        return rng.choice(str(match["words"]).split("|"))

    return _PART.sub(part, shape)


def secret_cases(per_shape: int, seed: int = 0) -> Iterator[Case]:
    """Yields `per_shape` messages of each shape of each kind of secret, each with one secret."""
    corpus = _read("secrets.toml")
    for kind in corpus["kind"]:
        sentences = corpus["sentences"][kind.get("sentences", "any")]
        change = CHANGES[kind.get("change", "none")]
        for index, shape in enumerate(kind["shapes"]):
            rng = random.Random(f"{seed} {kind['name']} {index}")
            for _ in range(per_shape):
                secret = change(draw(shape, rng), rng)
                text = rng.choice(sentences).replace("{}", secret)
                yield Case(kind["name"], index % 2 == 1, text, secret)


def ordinary_cases(per_shape: int, seed: int = 0) -> Iterator[Case]:
    """Yields `per_shape` messages of each shape of each kind of ordinary message."""
    for number, kind in enumerate(_read("ordinary.toml")["kind"]):
        for index, shape in enumerate(kind["shapes"]):
            rng = random.Random(f"{seed} {kind['name']} {index}")
            for _ in range(per_shape):
                yield Case(kind["name"], number % 2 == 1, draw(shape, rng))


def _read(name: str) -> dict[str, Any]:
    """Reads a file of kinds, with its lists of words in the place of their names."""
    corpus = tomllib.loads((_FOLDER / name).read_text())
    for kind in corpus["kind"]:
        for words, listed in corpus["words"].items():
            kind["shapes"] = [shape.replace(f"@{words}", "|".join(listed)) for shape in kind["shapes"]]
    return corpus
