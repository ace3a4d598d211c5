"""Damages bytes without knowing what they are."""

from __future__ import annotations

import random
import struct

INTEGERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_LONGEST = 64


def mutate(chance: random.Random, data: bytes, most: int = 8) -> bytes:
    """Returns `data` with one to `most` damages: flips, odd integers, parts deleted, doubled, exchanged, cut off."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, most)):
        if not changed:
            return chance.randbytes(chance.randint(0, 16))
        at = chance.randrange(len(changed))
        size = min(chance.randint(1, _LONGEST), len(changed) - at)
        match chance.randrange(9):
            case 0 | 1:
                changed[at] ^= 1 << chance.randrange(8)
            case 2:
                changed[at] = chance.choice((0, 1, 9, 10, 13, 32, 34, 127, 128, 192, 254, 255))
            case 3:
                changed[at : at + size] = integer(chance)
            case 4:
                del changed[at : at + size]
            case 5:
                changed[at:at] = changed[at : at + size] * chance.choice((1, 1, 2, 50))
            case 6:
                changed[at : at + size] = chance.randbytes(size)
            case 7:
                other = chance.randrange(len(changed))
                part, there = bytes(changed[at : at + size]), bytes(changed[other : other + size])
                changed[at : at + size], changed[other : other + size] = there, part
            case 8:
                if chance.random() < 0.2:
                    del changed[at:]
                else:
                    changed[at : at + size] = bytes(size)
    return bytes(changed)


def integer(chance: random.Random) -> bytes:
    """Returns an integer at which programs go wrong, in 1 to 8 bytes."""
    size, order = chance.choice("BHIQ"), chance.choice("<>")
    value = chance.choice(INTEGERS) + chance.choice((-1, 0, 0, 1))
    return struct.pack(order + size, value % 2 ** (8 * struct.calcsize(size)))
