"""A trained model becomes a signed bundle, checked in LiteRT before anyone gets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from device_runtime.bundle import files
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import Bundle, parse_bundle
from device_runtime.bundle.signing_keys import load_private
from device_runtime.inference.model_trial import try_in_child
from device_runtime.manifest import Manifest, ModelShape, Provenance, Recipe
from keyboard_model.model import adapter as adapters
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.ngram.table import NgramTable
from keyboard_model.text.tokenizer import Tokenizer
from tflite_export.bundle_writer import assemble, write_bundle
from tflite_export.parity_check import ParityReport, check_parity
from tflite_export.signatures import ExportError, convert


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
) -> ParityReport:
    """Converts, checks, signs and writes a bundle.

    Args:
        windows: batch and window that `adapt` and `evaluate` take.
        rank: of the adapter.
        starts: the phone's initial adapters, as many as the recipe says; if empty, one adapter without any effect.
        ngram: the shared model's n-grams; None, or a weight of 0, leaves them out.
        ngram_weight: their weight in the shared model; 0 means the neural model alone.

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
    model = convert(parameters, shape)

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
