"""Damage inside a TFLite file that leaves it a valid FlatBuffer, so that only the interpreter meets it.

The numbers of the fields are those of TFLite's public schema (`tensorflow/lite/schema/schema.fbs`).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

from device_runtime.bundle import files
from device_runtime.bundle.loader import file_entries, model_id
from device_runtime.bundle.signing_keys import load_private

SUBGRAPHS = 2
OPERATORS = 3
INPUTS = 1


def without_inputs(model: bytes, subgraph: int, operator: int) -> bytes:
    """Returns the model with both inputs of one operator named as absent (-1).

    Args:
        model: The content of a `model.tflite`.
        subgraph: Which function; negative numbers count from the end.
        operator: Which of its operators with two inputs; negative numbers count from the end.
    """
    root = _unsigned(model, 0)
    graph = list(_tables(model, _field(model, root, SUBGRAPHS)))[subgraph]
    inputs = [_vector(model, _field(model, each, INPUTS)) for each in _tables(model, _field(model, graph, OPERATORS))]
    start, _ = [(start, length) for start, length in inputs if length == 2][operator]
    return model[:start] + struct.pack("<ii", -1, -1) + model[start + 8 :]


def write_crashing_bundle(path: Path, bundle: Path, private_key: Path) -> Path:
    """Writes a copy of `bundle` whose model crashes the interpreter, signed with the key."""
    content = files.read_files(bundle)
    # A TRANSPOSE, whose kernel uses its inputs without checking that they exist. Other kernels check, so with them the
    # process dies only if XNNPACK takes what is on the heap for a tensor.
    content[files.MODEL] = without_inputs(content[files.MODEL], 1, 3)
    manifest = json.loads(content[files.MANIFEST])
    manifest["files"] = {name: entry.model_dump() for name, entry in file_entries(content).items()}
    manifest["model_id"] = model_id(content)
    content[files.MANIFEST] = json.dumps(manifest).encode()
    content[files.SIGNATURE] = load_private(private_key).sign(content[files.MANIFEST])
    path.write_bytes(files.packed(content))
    return path


def _unsigned(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _field(data: bytes, table: int, number: int) -> int:
    """Returns the position of a table's field."""
    (back,) = struct.unpack_from("<i", data, table)
    (offset,) = struct.unpack_from("<H", data, table - back + 4 + 2 * number)
    return table + int(offset)


def _vector(data: bytes, field: int) -> tuple[int, int]:
    """Returns the position of a vector's first element, and its length."""
    start = field + _unsigned(data, field)
    return start + 4, _unsigned(data, start)


def _tables(data: bytes, field: int) -> Iterator[int]:
    start, length = _vector(data, field)
    return (at + _unsigned(data, at) for at in range(start, start + 4 * length, 4))
