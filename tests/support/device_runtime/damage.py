"""Ways to damage an SQLite file, each with a name and a seed."""

from __future__ import annotations

import os
import random
from pathlib import Path

PAGE = 4096


def mutated(data: bytes, seed: int) -> bytes:
    """Returns `data` with some random damage: pages swapped, copied or zeroed, bytes changed, or the end cut off."""
    chance = random.Random(seed)
    pages = [data[at : at + PAGE] for at in range(0, len(data), PAGE)]
    kind = chance.choice(["swap", "copy", "zero", "bytes", "header", "pointers", "cut"])
    if kind == "cut":
        return data[: chance.randrange(1, len(data))]
    for _ in range(chance.choice([1, 1, 2, 5])):
        one, other = chance.randrange(len(pages)), chance.randrange(len(pages))
        if kind == "swap":
            pages[one], pages[other] = pages[other], pages[one]
        elif kind == "copy":
            pages[one] = pages[other]
        elif kind == "zero":
            pages[one] = bytes(PAGE)
        else:
            page = bytearray(pages[0 if kind == "header" else one])
            reach = 100 if kind == "header" else 64 if kind == "pointers" else len(page)
            for _ in range(chance.choice([1, 4, 40])):
                page[chance.randrange(reach)] = chance.choice([0, 1, 127, 255, chance.randrange(256)])
            pages[0 if kind == "header" else one] = bytes(page)
    return b"".join(pages)


def swap_pages(path: Path, one: int, other: int) -> None:
    """Swaps two pages of a file; the first page has the number 0."""
    data = path.read_bytes()
    pages = [data[at : at + PAGE] for at in range(0, len(data), PAGE)]
    pages[one], pages[other] = pages[other], pages[one]
    path.write_bytes(b"".join(pages))


def make_folder(path: Path) -> None:
    """Replaces a file by a folder that is not empty."""
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("")


def make_pipe(path: Path) -> None:
    """Replaces a file by a named pipe."""
    path.unlink()
    os.mkfifo(path)
