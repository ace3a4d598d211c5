"""Assembles a bundle (files, manifest, signature) and writes it atomically."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from device_runtime.bundle import files
from device_runtime.bundle.loader import file_entries, model_id, serialize_initial_adapters
from device_runtime.bundle.signing_keys import load_private
from device_runtime.inference.model_signatures import read_signatures
from device_runtime.manifest import FORMAT, FORMAT_VERSION, Manifest, ModelShape, Provenance, Recipe
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.ngram.table import NgramTable
from keyboard_model.storage.durable_files import atomic_write

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


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
        KeyFileError: `private_key` is not a private key.
    """
    from ai_edge_litert.interpreter import Interpreter

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
        signatures=read_signatures(Interpreter(model_content=model)),
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
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files.LIMITS:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content[name], compress_type=zipfile.ZIP_DEFLATED)
    atomic_write(path, packed.getvalue())
