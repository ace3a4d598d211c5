"""Damages JSON documents: their values, their keys, and the text that they are written in."""

from __future__ import annotations

import json
import random
from typing import Any

from benchmarks.fuzz.mutators import raw_bytes, texts

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, 1e308, -1e-320, float("nan"), float("inf"), 2**31, 2**53 + 1, 2**63, 2**64),
    *("", " ", "\0", "\ud800", "0", "null", "../../etc/passwd", "a" * 10_000, "T00:00:00+24:00", "%s%n", "\u202e"),
    *([], {}, [[]], [None], {"": None}, 10**400),
)
_TIMES = (
    *("2024-02-30", "2024-05-01T24:00:00", "0000-01-01", "9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59-23:59"),
    *("0001-01-01T00:00:00+23:59", "2024-05-01T00:00:00+24:00", "2024-W53-1", "20240501T1200Z", "-1", "1e400"),
)


def mutate(chance: random.Random, document: Any, most: int = 3) -> bytes:
    """Returns a document with one to `most` damages, as JSON; sometimes the JSON itself is damaged."""
    for _ in range(chance.randint(1, most)):
        document = _changed(chance, document)
    try:
        raw = json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):
        raw = b"[" * 100_000
    match chance.randrange(12):
        case 0:
            raw = raw_bytes.mutate(chance, raw, 3)
        case 1:
            raw = raw.replace(b"{", b'{"' + chance.choice((b"text", b"x", b"user_id")) + b'": 1, ', 1)  # a doubled key
        case 2:
            raw = chance.choice((b"[", b'{"a":')) * chance.choice((100, 5_000, 100_000)) + raw
        case 3:
            raw = raw.decode("utf-8", "replace").encode(chance.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-be")))
    return raw


def odd(chance: random.Random) -> Any:
    """Returns a value that readers tend to forget."""
    return chance.choice((chance.choice(_ODD), chance.choice(_ODD), chance.choice(_TIMES), texts.text(chance, 40)))


def _changed(chance: random.Random, value: Any) -> Any:
    """Returns a copy in which one place is other. The place is nearer to the leaves than to the root."""
    if isinstance(value, dict) and value:
        key = chance.choice(list(value))
        if chance.random() < 0.75:
            return {**value, key: _changed(chance, value[key])}
        return _with_other_keys(chance, value, key)
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        match chance.randrange(5):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return value + [value[at]] * chance.choice((1, 3, 2_000))
            case _:
                return [*value[:at], _changed(chance, value[at]), *value[at + 1 :]]
    if isinstance(value, str) and chance.random() < 0.4:
        return chance.choice((value + texts.text(chance, 8), value[:-1], value.upper(), (value * 300)[:1_000_000]))
    if isinstance(value, int | float) and not isinstance(value, bool) and chance.random() < 0.4:
        return chance.choice((-value, value + 1, value * 2, str(value), value // 7, [value]))
    return odd(chance)


def _with_other_keys(chance: random.Random, value: dict[str, Any], key: str) -> dict[str, Any]:
    rest = {name: each for name, each in value.items() if name != key}
    match chance.randrange(4):
        case 0:
            return rest
        case 1:
            return {**rest, chance.choice(("", "__class__", key.upper(), key + " ", "\ud800")): value[key]}
        case 2:
            return {**value, chance.choice(("extra", "\0", "text", "0")): odd(chance)}
        case _:
            return {**value, key: {key: value[key]}}
