"""A trained model becomes a signed bundle, checked in LiteRT before anyone gets it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from device_runtime import bundle_files as files
from device_runtime.adapter import initial_adapter
from device_runtime.bundle import Bundle
from device_runtime.keys import load_private
from device_runtime.manifest import Manifest, ModelShape, Provenance, Recipe
from keyboard_model import adapter as adapters
from keyboard_model.adapter import Adapter
from keyboard_model.language_model import Parameters
from keyboard_model.tokenizer import Tokenizer
from tflite_export.bundle_writer import assemble, write_bundle
from tflite_export.check import Check, check
from tflite_export.convert import convert


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
    adapter_init: Adapter | None = None,
) -> Check:
    """Converts, checks, signs and writes a bundle.

    Args:
        windows: batch and window that `adapt` and `evaluate` take.
        rank: of the adapter.
        adapter_init: the adapter every phone starts from; one that changes nothing when None.

    Returns:
        The differences between the bundle in LiteRT and the model in TensorFlow, also in the manifest's metrics.

    Raises:
        ExportError: the model has no TFLite form, or differs from it by more than `check` tolerates.
        KeyFileError: `private_key` is no private key.
        OSError: `out` cannot be written; what was there stays.
    """
    load_private(private_key)  # a wrong key is better known before the work than after it
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
    start = adapter_init or adapters.init(vocab, embedding, rank, seed=provenance.seed)
    model = convert(parameters, shape)

    def signed(figures: dict[str, float]) -> dict[str, bytes]:
        return assemble(
            name=name,
            model=model,
            tokenizer=tokenizer.model,
            adapter_init=start,
            shape=shape,
            recipe=recipe,
            provenance=provenance,
            metrics=figures,
            private_key=private_key,
        )

    found = check(_as_bundle(out, signed(metrics)), parameters)
    found.refuse_past_tolerance()
    differences = {f"export_difference_{key}": value for key, value in asdict(found).items()}
    write_bundle(out, signed({**metrics, **differences}))
    return found


def _as_bundle(path: Path, content: dict[str, bytes]) -> Bundle:
    manifest = Manifest.model_validate_json(content[files.MANIFEST])
    return Bundle(
        path,
        manifest,
        content[files.MODEL],
        content[files.TOKENIZER],
        initial_adapter(content[files.ADAPTER_INIT], manifest.model),
    )
