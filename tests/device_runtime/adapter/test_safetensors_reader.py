"""Files in safetensors that anybody may have written: read, or refused with one kind of error."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.adapter.safetensors_reader import MAX_HEADER, TensorFileError, read_tensors

OTHER_TYPES = (
    *("BOOL", "U8", "I16", "I32", "I64", "U64", "F64", "BF16", "C64"),
    *("F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2", "F128", "float32", ""),
)


def a_file(header: Any, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(dtype: str, shape: Any, begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint16", "uint32"])
def test_reads_what_adapters_are_stored_in(dtype: str) -> None:
    stored = {"a": np.arange(6).astype(dtype).reshape(2, 3), "b": np.array(1, dtype), "c": np.zeros((0, 3), dtype)}
    metadata, found = read_tensors(safetensors.numpy.save(stored, metadata={"form": "any"}))
    assert metadata == {"form": "any"} and found.keys() == stored.keys()
    for name, expected in stored.items():
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)
    assert read_tensors(safetensors.numpy.save(stored))[0] == {}


@pytest.mark.parametrize("dtype", OTHER_TYPES)
@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32])
def test_refuses_every_other_type(dtype: str, size: int) -> None:
    with pytest.raises(TensorFileError, match=r"has numbers of the type|is damaged"):
        read_tensors(a_file({"a": tensor(dtype, [4], 0, size)}, bytes(size)))


F32 = tensor("F32", [1], 0, 4)
DAMAGED = {
    "nothing": b"",
    "half a length": bytes(4),
    "no header": bytes(8),
    "a header longer than the file": struct.pack("<Q", 100) + b"{}",
    "a header of 16 exabytes": b"\xff" * 8 + b"{}",
    "a huge header": a_file(b'{"a":' + b" " * MAX_HEADER + json.dumps(F32).encode() + b"}", bytes(4)),
    "many tensors": a_file({str(n): tensor("F32", [0], 0, 0) for n in range(10_000)}),
    "not UTF-8": a_file(b'{"\xff": {}}'),
    "not JSON": a_file(b"{"),
    "a list": a_file([]),
    "a number": a_file(1),
    "deeply nested": a_file(b'{"a":' * 20_000),
    "a name twice": a_file(b'{"a":%b,"a":%b}' % ((json.dumps(F32).encode(),) * 2), bytes(4)),
    "metadata twice": a_file(b'{"__metadata__":{},"__metadata__":{},"a":%b}' % json.dumps(F32).encode(), bytes(4)),
    "a key of the metadata twice": a_file(b'{"__metadata__":{"form":"a","form":"b"}}'),
    "metadata that are not text": a_file({"__metadata__": {"form": 1}}),
    "a list as metadata": a_file({"__metadata__": ["form"]}),
    "overlapping": a_file({"a": F32, "b": tensor("F32", [1], 2, 6)}, bytes(6)),
    "the same bytes": a_file({"a": F32, "b": F32}, bytes(4)),
    "a hole": a_file({"a": F32, "b": tensor("F32", [1], 8, 12)}, bytes(12)),
    "bytes left over": a_file({"a": F32}, bytes(8)),
    "too few bytes": a_file({"a": F32}, bytes(2)),
    "reversed offsets": a_file({"a": tensor("F32", [1], 4, 0)}, bytes(4)),
    "negative offsets": a_file({"a": tensor("F32", [1], -4, 0)}, bytes(4)),
    "huge offsets": a_file({"a": tensor("F32", [1], 2**63, 2**63 + 4)}, bytes(4)),
    "fractions as offsets": a_file({"a": tensor("F32", [1], 0, 4.5)}, bytes(4)),
    "a shape that does not fit": a_file({"a": tensor("F32", [3], 0, 4)}, bytes(4)),
    "a negative shape": a_file({"a": tensor("F32", [-1, -1], 0, 4)}, bytes(4)),
    "a shape that overflows": a_file({"a": tensor("F32", [2**33, 2**33], 0, 4)}, bytes(4)),
    "an empty tensor with an impossible shape": a_file({"a": tensor("F32", [0, 2**62, 2**62], 0, 0)}),
    "an empty tensor of many dimensions": a_file({"a": tensor("F32", [0] + [2] * 40, 0, 0)}),
    "a tensor of many dimensions": a_file({"a": tensor("F32", [1] * 100, 0, 4)}, bytes(4)),
    "a text as shape": a_file({"a": tensor("F32", "1", 0, 4)}, bytes(4)),
    "NaN in the header": a_file(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', bytes(4)),
    "a tensor without type": a_file({"a": {"shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_refuses_what_is_damaged(name: str) -> None:
    with pytest.raises(TensorFileError, match="is damaged: ") as refused:
        read_tensors(DAMAGED[name])
    assert len(str(refused.value)) < 300


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_changed_file_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(safetensors.numpy.save({"a": np.ones(3, np.float32), "b": np.ones(2, np.int8)}, {"form": "any"}))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_tensors(bytes(raw))
    except TensorFileError as error:
        assert len(str(error)) < 300
