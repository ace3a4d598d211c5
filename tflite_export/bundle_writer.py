"""Assembles a bundle (files, manifest, signature) and writes it atomically."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from device_runtime.bundle import files
from device_runtime.bundle.loader import file_entries, model_id, serialize_initial_adapters
from device_runtime.bundle.signing_keys import load_private
from device_runtime.inference.model_trial import read_signatures_in_child
from device_runtime.manifest import FORMAT, FORMAT_VERSION, Manifest, ModelShape, Provenance, Recipe
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.ngram.table import NgramTable
from keyboard_model.storage.durable_files import atomic_write


def assemble(
    *,
    name: str,
    model: bytes,
    tokenizer: bytes,
    starts: Sequence[AdapterTensors],
    ngram: NgramTable,
    ngram_weight: float,
    shape: ModelShape,
    recipe: Recipe,
    provenance: Provenance,
    metrics: dict[str, float],
    private_key: Path,
) -> dict[str, bytes]:
    """Returns the bundle's six files by name; the manifest is signed with `private_key`.

    Raises:
        BundleError: the interpreter cannot read `model`.
        KeyFileError: `private_key` is not a private key.
    """
    content = {
        files.MODEL: model,
        files.TOKENIZER: tokenizer,
        files.ADAPTER_INIT: serialize_initial_adapters([start._asdict() for start in starts]),
        files.NGRAM: ngram.to_bytes(),
    }
    manifest = Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        model_id=model_id(content),
        name=name,
        model=shape,
        signatures=read_signatures_in_child(model),
        ngram_weight=ngram_weight,
        recipe=recipe,
        provenance=provenance,
        metrics=metrics,
        files=file_entries(content),
    )
    raw = manifest.model_dump_json(indent=2).encode() + b"\n"
    return {**content, files.MANIFEST: raw, files.SIGNATURE: load_private(private_key).sign(raw)}


def write_bundle(path: Path, content: dict[str, bytes]) -> None:
    """Writes the bundle atomically as a zip.

    Raises:
        OSError: the file cannot be written; an existing file stays unchanged.
    """
    atomic_write(path, files.packed(content))
