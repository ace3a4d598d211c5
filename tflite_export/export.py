"""A trained model becomes a signed bundle, checked in LiteRT before anyone gets it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from device_runtime.bundle import files
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import Bundle, file_entries, model_id, parse_bundle, serialize_initial_adapters
from device_runtime.bundle.signing_keys import load_private
from device_runtime.inference.model_trial import read_signatures_in_child, try_in_child
from device_runtime.manifest import FORMAT, FORMAT_VERSION, Manifest, ModelShape, Provenance, Recipe
from keyboard_model.model import adapter as adapters
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.ngram.table import NgramTable
from keyboard_model.storage.durable_files import atomic_write
from keyboard_model.text.tokenizer import Tokenizer
from tflite_export.parity_check import ParityReport, check_parity
from tflite_export.signatures import ExportError, convert

Converter = Callable[[Parameters, ModelShape], bytes]
"""Makes the TFLite model of a shared model, as `tflite_export.signatures.convert` does."""


def remembering(converter: Converter = convert) -> Converter:
    """Returns a converter that keeps its last two results, for exports of one shared model with many methods."""

    @functools.lru_cache(maxsize=2)
    def of_content(parts: tuple[tuple[tuple[int, ...], bytes], ...], shape: ModelShape) -> bytes:
        tensors = (np.frombuffer(content, np.float32).reshape(sizes) for sizes, content in parts)
        return converter(Parameters(*tensors), shape)

    def of_model(parameters: Parameters, shape: ModelShape) -> bytes:
        return of_content(tuple((np.shape(part), np.asarray(part, np.float32).tobytes()) for part in parameters), shape)

    return of_model


def export_bundle(
    out: Path,
    *,
    name: str,
    parameters: Parameters,
    tokenizer: Tokenizer,
    windows: tuple[int, int],
    rank: int,
    recipe: Recipe,
    provenance: Provenance,
    metrics: dict[str, float],
    private_key: Path,
    starts: Sequence[AdapterTensors] = (),
    ngram: NgramTable | None = None,
    ngram_weight: float = 0.0,
    converter: Converter | None = None,
) -> ParityReport:
    """Converts, checks, signs and writes a bundle.

    Args:
        windows: batch and window that `adapt` and `evaluate` take.
        rank: of the adapter.
        starts: the phone's initial adapters, as many as the recipe says; if empty, one adapter without any effect.
        ngram: the shared model's n-grams; None, or a weight of 0, leaves them out.
        ngram_weight: their weight in the shared model; 0 means the neural model alone.
        converter: makes the TFLite model; None means `convert`. See `remembering`.

    Returns:
        The differences between the bundle in LiteRT and the model in TensorFlow, also in the manifest's metrics.

    Raises:
        ExportError: TFLite cannot express the model, the converted model crashes the interpreter in a child process, or
            it exceeds a tolerance of `parity_check`.
        KeyFileError: `private_key` is not a private key.
        OSError: `out` cannot be written; an existing file stays unchanged.
    """
    load_private(private_key)  # reports a wrong key before the work starts
    vocab, embedding = parameters.embedding.shape
    batch, window = windows
    shape = ModelShape(
        vocab=vocab,
        embedding=embedding,
        cells=parameters.w_p.shape[0],
        rank=rank,
        batch=batch,
        window=window,
        bos=tokenizer.bos,
    )
    starts = starts or [adapters.init(vocab, embedding, rank, seed=provenance.seed)]
    model = (converter or convert)(parameters, shape)

    def signed(figures: dict[str, float]) -> dict[str, bytes]:
        return assemble(
            name=name,
            model=model,
            tokenizer=tokenizer.model,
            starts=starts,
            ngram=ngram if ngram is not None and ngram_weight else NgramTable.empty(vocab),
            ngram_weight=ngram_weight if ngram is not None else 0.0,
            shape=shape,
            recipe=recipe,
            provenance=provenance,
            metrics=figures,
            private_key=private_key,
        )

    try:
        bundle = _as_bundle(out, signed(metrics))
        try_in_child(bundle)
    except BundleError as error:
        raise ExportError(f"the converted model cannot be used: {error}") from error
    found = check_parity(bundle, parameters)
    found.refuse_past_tolerance()
    differences = {f"export_difference_{key}": value for key, value in asdict(found).items()}
    write_bundle(out, signed({**metrics, **differences}))
    return found


def _as_bundle(path: Path, content: dict[str, bytes]) -> Bundle:
    return parse_bundle(path, Manifest.model_validate_json(content[files.MANIFEST]), content)


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
