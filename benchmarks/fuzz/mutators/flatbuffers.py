"""Damages flatbuffers without their schema, by following offsets: https://flatbuffers.dev/internals/."""

from __future__ import annotations

import random
import struct

from benchmarks.fuzz.mutators import raw_bytes

_LONGEST_VECTOR = 4_096
"""Longer vectors hold numbers, such as a model's weights, and lead nowhere."""


def mutate(chance: random.Random, data: bytes, words: list[int]) -> bytes:
    """Returns the flatbuffer with some of its offsets, lengths and values changed.

    Args:
        words: What `structure` returned for `data`.
    """
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.choice(words)
        old = struct.unpack_from("<I", changed, at)[0]
        value = chance.choice(
            (old ^ 1 << chance.randrange(32), old + chance.choice((-4, -1, 1, 4)), _any(chance, changed, words))
        )
        struct.pack_into("<I", changed, at, value % 2**32)
    return bytes(changed)


def structure(data: bytes) -> list[int]:
    """Returns the positions of the 32-bit words that make up tables and short vectors, each once, ascending."""
    seen: set[int] = {0}
    todo, tables = [_u32(data, 0)], set[int]()
    while todo:
        table = todo.pop()
        if table in tables or not 4 <= table <= len(data) - 4:
            continue
        tables.add(table)
        for field in _fields(data, table):
            seen.add(field)
            todo += _follow(data, field + _u32(data, field), seen)
    return sorted(at for at in seen if at <= len(data) - 4)


def _fields(data: bytes, table: int) -> list[int]:
    """Returns the positions of a table's fields, from its vtable; none if it is no table."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    if not 0 < vtable <= len(data) - 4:
        return []
    size, table_size = struct.unpack_from("<HH", data, vtable)
    if size % 2 or not 4 <= size <= 256 or vtable + size > len(data) or not 4 <= table_size <= 1_024:
        return []
    slots = struct.unpack_from(f"<{(size - 4) // 2}H", data, vtable + 4)
    return [table + slot for slot in slots if 4 <= slot < table_size and table + slot <= len(data) - 4]


def _follow(data: bytes, to: int, seen: set[int]) -> list[int]:
    """Returns the tables that lie at `to`, or in the vector there, and notes the words of the vector."""
    if not 4 <= to <= len(data) - 4:
        return []
    found = [to] if _fields(data, to) else []
    length = _u32(data, to)
    if 0 < length <= _LONGEST_VECTOR and to + 4 + 4 * length <= len(data):
        elements = range(to + 4, to + 4 + 4 * length, 4)
        seen.add(to)
        seen.update(elements)
        found += [
            at + _u32(data, at)
            for at in elements
            if at + _u32(data, at) <= len(data) - 4 and _fields(data, at + _u32(data, at))
        ]
    return found


def _any(chance: random.Random, data: bytearray, words: list[int]) -> int:
    return chance.choice(
        (chance.choice(raw_bytes.INTEGERS), _u32(bytes(data[(at := chance.choice(words)) : at + 4]), 0))
    )


def _u32(data: bytes, at: int) -> int:
    value: int = struct.unpack_from("<I", data, at)[0]
    return value
