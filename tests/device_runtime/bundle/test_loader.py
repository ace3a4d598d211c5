"""A bundle is verified before it is interpreted, and each refusal names its reason."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from device_runtime.adapter.adapter import AdapterError
from device_runtime.bundle import files, loader
from device_runtime.bundle.files import MANIFEST, MODEL, NGRAM, SIGNATURE, TOKENIZER, BundleError
from device_runtime.bundle.loader import Tensors, load_bundle, load_initial_adapters, serialize_initial_adapters
from device_runtime.bundle.signing_keys import SigningKeys, load_private
from device_runtime.inference.engine import Engine
from device_runtime.manifest import ModelShape
from keyboard_model.ngram.table import NgramTable
from tests.support.device_runtime.bundle_parts import Content, Merge, write_folder, write_zip


def test_a_folder_and_a_zip_file_give_the_same_bundle(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    folder = load_bundle(write_folder(tmp_path / "a.bundle", content), tiny_public_key)
    zipped = load_bundle(str(write_zip(tmp_path / "b.bundle", content)), tiny_public_key)
    assert folder.manifest == zipped.manifest
    assert (folder.model, folder.tokenizer) == (zipped.model, zipped.tokenizer)


@pytest.mark.parametrize("name", list(files.LIMITS))
def test_rejects_a_bundle_without_one_of_its_files(
    tmp_path: Path, content: Content, tiny_public_key: Path, name: str
) -> None:
    del content[name]
    for path in (write_folder(tmp_path / "a", content), write_zip(tmp_path / "b", content)):
        with pytest.raises(BundleError, match=f"lacks.*{name}"):
            load_bundle(path, tiny_public_key)


@pytest.mark.parametrize("name", ["more.txt", "../manifest.json", "/etc/passwd", "sub/model.tflite"])
def test_rejects_unknown_files_in_a_zip_file(
    tmp_path: Path, content: Content, tiny_public_key: Path, name: str
) -> None:
    with pytest.raises(BundleError, match="do not belong in a bundle"):
        load_bundle(write_zip(tmp_path / "b", {**content, name: b""}), tiny_public_key)


def test_rejects_an_unknown_file_in_a_folder(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    with pytest.raises(BundleError, match=r"do not belong in a bundle.*more"):
        load_bundle(write_folder(tmp_path / "a", {**content, "more": b""}), tiny_public_key)


def test_rejects_links_and_pipes(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    folder = write_folder(tmp_path / "a", content)
    (tmp_path / "elsewhere").write_bytes(content[MODEL])
    (folder / MODEL).unlink()
    (folder / MODEL).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="is a link"):
        load_bundle(folder, tiny_public_key)
    (folder / MODEL).unlink()
    os.mkfifo(folder / MODEL)
    with pytest.raises(BundleError, match="not a plain file"):
        load_bundle(folder, tiny_public_key)


def test_rejects_a_duplicate_file(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    path = write_zip(tmp_path / "b", content)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(MODEL, b"another")
    with pytest.raises(BundleError, match="twice"):
        load_bundle(path, tiny_public_key)


def test_rejects_a_file_larger_than_its_limit(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    content[MANIFEST] = b" " * (files.LIMITS[MANIFEST] + 1)
    for path in (write_folder(tmp_path / "a", content), write_zip(tmp_path / "b", content)):
        with pytest.raises(BundleError, match="larger than"):
            load_bundle(path, tiny_public_key)


def test_rejects_a_zip_entry_with_a_false_size(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    content[MANIFEST] = b" " * 5_000_000
    raw = bytearray(write_zip(tmp_path / "b", content).read_bytes())
    at = raw.index(struct.pack("<I", 5_000_000), raw.index(b"PK\x01\x02"))  # in the central directory
    raw[at : at + 4] = struct.pack("<I", 100)
    (tmp_path / "c").write_bytes(raw)
    with pytest.raises(BundleError):
        load_bundle(tmp_path / "c", tiny_public_key)


def test_rejects_a_truncated_zip_file(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    whole = write_zip(tmp_path / "b", content).read_bytes()
    for share in (0.0, 0.1, 0.5, 0.9, 0.99):
        (tmp_path / "cut").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(BundleError, match="is not a bundle"):
            load_bundle(tmp_path / "cut", tiny_public_key)


def test_rejects_a_zip_file_with_a_flipped_bit(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    whole = write_zip(tmp_path / "b", content).read_bytes()
    for share in (0.02, 0.2, 0.4, 0.6, 0.8):
        raw = bytearray(whole)
        raw[int(share * len(raw))] ^= 0x10
        (tmp_path / "flipped").write_bytes(raw)
        with pytest.raises(BundleError):
            load_bundle(tmp_path / "flipped", tiny_public_key)


def test_rejects_an_encrypted_zip_entry(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    raw = bytearray(write_zip(tmp_path / "b", content).read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "c").write_bytes(raw)
    with pytest.raises(BundleError, match="encrypted"):
        load_bundle(tmp_path / "c", tiny_public_key)


@pytest.mark.parametrize("name", files.CONTENT)
def test_rejects_a_changed_file(tmp_path: Path, content: Content, tiny_public_key: Path, name: str) -> None:
    data = bytearray(content[name])
    data[len(data) // 2] ^= 1
    with pytest.raises(BundleError, match=f"{name} is not the file that was signed"):
        load_bundle(write_folder(tmp_path / "a", {**content, name: bytes(data)}), tiny_public_key)


def test_rejects_a_changed_manifest(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    content[MANIFEST] = content[MANIFEST] + b"\n"
    with pytest.raises(BundleError, match="signature does not fit"):
        load_bundle(write_folder(tmp_path / "a", content), tiny_public_key)


def test_rejects_a_bundle_signed_with_another_key(tmp_path: Path, tiny_bundle: Path) -> None:
    _, public = SigningKeys.generate(tmp_path / "another")
    with pytest.raises(BundleError, match="another key"):
        load_bundle(tiny_bundle, public)


def test_rejects_a_bundle_without_a_signature(tmp_path: Path, content: Content, tiny_public_key: Path) -> None:
    with pytest.raises(BundleError, match="not signed"):
        load_bundle(write_folder(tmp_path / "a", {**content, SIGNATURE: b""}), tiny_public_key)


def test_verifies_the_signature_before_it_parses_anything(
    tmp_path: Path, content: Content, tiny_public_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parsed(*_: object) -> None:
        raise AssertionError("an unsigned manifest was parsed")

    monkeypatch.setattr(loader, "read_manifest", parsed)
    monkeypatch.setattr(loader, "parse_bundle", parsed)
    with pytest.raises(BundleError, match="signature"):
        load_bundle(write_folder(tmp_path / "a", {**content, MANIFEST: b"{" * 100_000}), tiny_public_key)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "another"}, "not a Thumbprint bundle"),
        ({"format_version": 1}, "format version 1, but this program reads version 5"),
        ({"format_version": 6, "news": 1}, "format version 6"),
        ({"format_version": "3"}, "format version '3'"),
        ({"ngram_weight": 1.0}, "ngram_weight"),
        ({"extra": 1}, "manifest does not match its schema: extra"),
        ({"recipe": {"steps": -1}}, "recipe.steps"),
        ({"model_id": "0" * 64}, "model_id"),
        ({"files": {MODEL: {"bytes": 3}}}, "not the file that was signed"),
        ({"files": {"more": {"sha256": "0" * 64, "bytes": 0}}}, "manifest lists the files"),
        ({"model": {"rank": 77}}, "initial adapter has the tensors"),
    ],
)
def test_rejects_a_signed_manifest_that_does_not_match_schema_or_files(
    tmp_path: Path,
    content: Content,
    own_keys: tuple[Path, Path],
    sign: Callable[[Content, Merge], Content],
    changes: Merge,
    reason: str,
) -> None:
    with pytest.raises(BundleError, match=reason):
        load_bundle(write_folder(tmp_path / "a", sign(content, changes)), own_keys[1])


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, json.dumps("x").encode()])
def test_rejects_a_signed_manifest_that_is_not_a_json_object(
    tmp_path: Path, content: Content, own_keys: tuple[Path, Path], raw: bytes
) -> None:
    signature = load_private(own_keys[0]).sign(raw)
    with pytest.raises(BundleError, match="manifest"):
        load_bundle(write_folder(tmp_path / "a", {**content, MANIFEST: raw, SIGNATURE: signature}), own_keys[1])


def test_rejects_signed_ngrams_that_are_damaged_or_of_another_model(
    tmp_path: Path, content: Content, own_keys: tuple[Path, Path], sign: Callable[[Content, Merge], Content]
) -> None:
    for name, data, reason in (("a", b"none", "cannot be read"), ("b", NgramTable.empty(9).to_bytes(), "of 9 pieces")):
        with pytest.raises(BundleError, match=f"n-grams.*{reason}"):
            load_bundle(write_folder(tmp_path / name, sign({**content, NGRAM: data}, {})), own_keys[1])


def test_rejects_paths_that_are_not_a_bundle(tmp_path: Path, tiny_public_key: Path) -> None:
    with pytest.raises(BundleError, match="does not exist"):
        load_bundle(tmp_path / "none", tiny_public_key)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(BundleError, match="is not a bundle"):
        load_bundle(tmp_path / "text", tiny_public_key)
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    (tmp_path / "empty").write_bytes(empty.getvalue())
    with pytest.raises(BundleError, match="lacks"):
        load_bundle(tmp_path / "empty", tiny_public_key)


def test_the_engine_rejects_a_signed_bundle_that_it_cannot_run(rebuilt: Callable[..., Engine]) -> None:
    with pytest.raises(BundleError, match="cannot be run"):
        rebuilt({}, {MODEL: b"TFL3 but no model"})
    with pytest.raises(BundleError, match="cannot be run"):
        rebuilt({}, {TOKENIZER: b"no tokenizer"})
    with pytest.raises(BundleError, match="signatures differ from the manifest's"):
        rebuilt({"signatures": {"step": {"inputs": {"token": {"shape": [2]}}}}})
    with pytest.raises(BundleError, match="tokenizer does not belong to the model"):
        rebuilt({"model": {"bos": 7}})


SHAPE = ModelShape(vocab=7, embedding=4, cells=3, rank=2, batch=1, window=2, bos=1)


def start(seed: int) -> Tensors:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=size) for name, size in (("lora_a", (4, 2)), ("lora_b", (2, 4)), ("bias", 7))}


@pytest.mark.parametrize("number", [1, 3])
def test_initial_adapters_load_in_the_order_in_which_they_were_stored(number: int) -> None:
    starts = [start(seed) for seed in range(number)]
    found = load_initial_adapters(serialize_initial_adapters(starts), SHAPE, number)
    assert len(found) == number
    for one, expected in zip(found, starts, strict=True):
        for name, tensor in one.tensors().items():
            np.testing.assert_array_equal(tensor, np.asarray(expected[name], np.float32))


def test_initial_adapters_have_the_documented_tensor_names() -> None:
    tensors = safetensors.numpy.load(serialize_initial_adapters([start(0), start(1)]))
    assert set(tensors) == {"lora_a", "lora_b", "bias", "1.lora_a", "1.lora_b", "1.bias"}
    assert {tensor.dtype.name for tensor in tensors.values()} == {"float32"}
    np.testing.assert_array_equal(tensors["1.bias"], np.asarray(start(1)["bias"], np.float32))


@pytest.mark.parametrize("number", [1, 3])
def test_rejects_another_number_of_initial_adapters_than_the_recipe_names(number: int) -> None:
    with pytest.raises(AdapterError, match=f"number of starts is {number}"):
        load_initial_adapters(serialize_initial_adapters([start(0), start(1)]), SHAPE, number)


def test_rejects_an_initial_adapter_of_another_model_or_not_finite() -> None:
    with pytest.raises(AdapterError, match="start 1 has the tensors"):
        load_initial_adapters(serialize_initial_adapters([start(0), {**start(1), "bias": np.zeros(8)}]), SHAPE, 2)
    with pytest.raises(AdapterError, match="start 1 has numbers that are infinite"):
        load_initial_adapters(
            serialize_initial_adapters([start(0), {**start(1), "bias": np.full(7, np.nan)}]), SHAPE, 2
        )


def test_rejects_initial_adapters_that_are_not_safetensors() -> None:
    with pytest.raises(AdapterError, match="cannot be read"):
        load_initial_adapters(b"no", SHAPE, 1)
