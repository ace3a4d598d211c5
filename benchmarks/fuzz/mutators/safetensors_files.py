"""Damages safetensors files: https://github.com/huggingface/safetensors#format."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

from benchmarks.fuzz.mutators import json_values, raw_bytes

_TYPES = (
    *("BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64", "F16", "BF16", "F32", "F64", "C64"),
    *("F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2", "F128", "", "f32"),
)


def mutate(chance: random.Random, data: bytes) -> bytes:
    """Returns the file with another header, other lengths, or other numbers."""
    size = struct.unpack_from("<Q", data)[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    match chance.randrange(6):
        case 0:
            return raw_bytes.mutate(chance, data)
        case 1:
            body = _numbers(chance, body)
        case 2:
            raw = json_values.mutate(chance, header)
            return struct.pack("<Q", len(raw)) + raw + body
        case _:
            for _ in range(chance.randint(1, 3)):
                header, body = _entry(chance, header, body)
    raw = json.dumps(header).encode()
    if header and chance.random() < 0.2:  # a doubled name
        name = chance.choice(list(header))
        raw = raw[:-1] + b", " + json.dumps({name: header[name]}).encode()[1:]
    length = len(raw) if chance.random() < 0.9 else chance.choice(raw_bytes.INTEGERS)
    return struct.pack("<Q", length) + raw + body


def _numbers(chance: random.Random, body: bytes) -> bytes:
    """Puts numbers that are not finite, huge or tiny into the data."""
    changed = bytearray(body)
    for _ in range(chance.choice((1, 1, 1_000))):
        value = chance.choice((float("nan"), float("inf"), 3.4e38, -3.4e38, 1e-45, 0.0))
        at = 4 * chance.randrange(max(1, len(changed) // 4))
        changed[at : at + 4] = struct.pack("<f", value)
    return bytes(changed[: len(body)])


def _entry(chance: random.Random, header: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    name = chance.choice([name for name in header if name != "__metadata__"] or ["x"])
    entry = dict(header.get(name, {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}))
    match chance.randrange(7):
        case 0 | 1:
            entry["dtype"] = chance.choice(_TYPES)
        case 2:
            entry["shape"] = [
                *entry["shape"][: chance.randrange(3)],
                *chance.choices((0, 1, 2, 65_536, 2**31, 2**63, -1), k=chance.randrange(4)),
            ]
        case 3:
            offsets = list(entry["data_offsets"])
            offsets[chance.randrange(2)] = chance.choice((0, 4, len(body), len(body) + 1, 2**63, -1, offsets[0]))
            entry["data_offsets"] = offsets
        case 4:
            return {k: v for k, v in header.items() if k != name}, body
        case 5:
            header = {**header, "__metadata__": json_values.odd(chance)}
        case 6:
            header = {**header, chance.choice(("", "lora_a", "1.lora_a", "x\0", "bias.scale")): entry}
    return {**header, name: entry}, body
