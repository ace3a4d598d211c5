"""What a phone gets is signed, reproducible, checked, and written whole or not at all."""

from __future__ import annotations

import errno
import os
import zipfile

import numpy as np
import pytest

from device_runtime.bundle import files
from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import KeyFileError
from device_runtime.inference.engine import Engine
from keyboard_model.model import adapter as adapters
from keyboard_model.ngram.table import Level, NgramTable
from tests.support.device_runtime.model_damage import without_inputs
from tests.support.tflite_export.models import PARAMETERS, PROVENANCE, RECIPE, SHAPE, START, TOKENIZER, B, E, R, T
from tflite_export import export
from tflite_export.export import assemble, remembering, write_bundle
from tflite_export.parity_check import ParityReport
from tflite_export.signatures import ExportError

NGRAM = NgramTable(NgramTable.empty(SHAPE.vocab).unigram, Level.of([3, 3], [4, 5], [0.5, 0.25]), Level.of([], [], []))


@pytest.fixture
def exported(converted, tiny_keys, tmp_path, monkeypatch):
    """Exports the small model; its conversion, which takes seconds, is done once for all tests."""
    monkeypatch.setattr(export, "convert", lambda parameters, shape: converted)

    def run(**changes):
        arguments = {
            "name": "x",
            "parameters": PARAMETERS,
            "tokenizer": TOKENIZER,
            "windows": (B, T),
            "rank": R,
            "recipe": RECIPE,
            "provenance": PROVENANCE,
            "metrics": {"loss": 1.0},
            "private_key": tiny_keys[0],
        }
        return export.export_bundle(tmp_path / "x.bundle", **arguments | changes)

    return run


@pytest.fixture
def make(exported, no_children):
    return exported


@pytest.mark.parametrize(("subgraph", "operator"), [(0, 0), (1, -2), (2, 1)])
def test_a_model_that_the_interpreter_cannot_run_is_not_written(
    exported, converted, tmp_path, monkeypatch, subgraph, operator
):
    damaged = without_inputs(converted, subgraph, operator)
    monkeypatch.setattr(export, "convert", lambda parameters, shape: damaged)
    with pytest.raises(ExportError, match=r"crashes the interpreter|cannot be run"):
        exported()
    assert not list(tmp_path.iterdir())


def test_the_bundle_runs_and_its_manifest_has_the_parity_figures(make, tmp_path, tiny_public_key):
    found = make()
    bundle = load_bundle(tmp_path / "x.bundle", tiny_public_key)
    assert bundle.manifest.model == SHAPE
    assert bundle.manifest.metrics == {
        "loss": 1.0,
        "export_difference_log_probability": found.log_probability,
        "export_difference_mean_log_probability": found.mean_log_probability,
        "export_difference_recall_at_3": found.recall_at_3,
        "export_difference_adapt": found.adapt,
    }
    assert Engine(bundle).step(TOKENIZER.bos, Engine(bundle).zero_state(), bundle.adapter_init)[0].shape == (
        SHAPE.vocab,
    )


def test_without_a_start_the_phone_starts_from_an_adapter_that_changes_nothing(make, tmp_path, tiny_public_key):
    make()
    start = load_bundle(tmp_path / "x.bundle", tiny_public_key).adapter_init
    assert not start.lora_b.any() and not start.bias.any()


def test_a_given_initial_adapter_is_used(make, tmp_path, tiny_public_key):
    start = adapters.init(SHAPE.vocab, E, R, seed=1)._replace(bias=np.full(SHAPE.vocab, 0.5, np.float32))
    make(starts=[start])
    assert (load_bundle(tmp_path / "x.bundle", tiny_public_key).adapter_init.bias == 0.5).all()


def test_ngrams_are_exported_only_with_a_weight(make, tmp_path, tiny_public_key):
    table = NgramTable(NgramTable.empty(SHAPE.vocab).unigram, Level.of([3], [4], [0.5]), Level.of([], [], []))
    for given, weight in ((table, 0.25), (table, 0.0), (None, 0.25)):
        make(ngram=given, ngram_weight=weight)
        bundle = load_bundle(tmp_path / "x.bundle", tiny_public_key)
        mixed_in = bool(given and weight)
        assert bundle.manifest.ngram_weight == (weight if mixed_in else 0.0)
        assert len(bundle.ngram.bigrams.pieces) == mixed_in


def test_a_model_that_differs_after_conversion_is_not_written(make, tmp_path):
    other = PARAMETERS._replace(embedding=PARAMETERS.embedding[::-1].copy())
    with pytest.raises(ExportError, match="differs from the trained one"):
        make(parameters=other)
    assert not list(tmp_path.iterdir())


def test_a_wrong_key_is_refused_before_any_work(make, tmp_path, tiny_public_key, monkeypatch):
    monkeypatch.setattr(export, "convert", lambda parameters, shape: pytest.fail("converted first"))
    with pytest.raises(KeyFileError):
        make(private_key=tiny_public_key)
    assert not list(tmp_path.iterdir())


def test_a_failed_parity_check_prevents_the_export(make, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "check_parity", lambda bundle, parameters: ParityReport(0.0, 0.0, 0.5, 0.0))
    with pytest.raises(ExportError, match="recall_at_3"):
        make()
    assert not list(tmp_path.iterdir())


@pytest.fixture
def made(converted, tiny_keys, no_children):
    def make(private_key=tiny_keys[0]):
        return assemble(
            name="x",
            model=converted,
            tokenizer=TOKENIZER.model,
            starts=[START],
            ngram=NGRAM,
            ngram_weight=0.25,
            shape=SHAPE,
            recipe=RECIPE,
            provenance=PROVENANCE,
            metrics={"loss": 1.0},
            private_key=private_key,
        )

    return make


def test_a_phone_loads_the_written_bundle(made, tiny_public_key, tmp_path):
    write_bundle(tmp_path / "x.bundle", made())
    bundle = load_bundle(tmp_path / "x.bundle", tiny_public_key)
    assert bundle.manifest.model == SHAPE
    assert bundle.manifest.recipe == RECIPE
    assert bundle.manifest.metrics == {"loss": 1.0}
    assert bundle.tokenizer == TOKENIZER.model
    assert (bundle.adapter_init.lora_a == START.lora_a).all()
    assert bundle.ngram.to_bytes() == NGRAM.to_bytes() and bundle.manifest.ngram_weight == 0.25


def test_equal_content_gives_equal_bytes(made, tmp_path):
    for name in ("one", "other"):
        write_bundle(tmp_path / name, made())
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_zip_holds_the_six_files_and_no_time(made, tmp_path):
    write_bundle(tmp_path / "x.bundle", made())
    with zipfile.ZipFile(tmp_path / "x.bundle") as archive:
        assert set(archive.namelist()) == set(files.LIMITS) == set(made())
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_public_key_signs_nothing(made, tiny_public_key):
    with pytest.raises(KeyFileError):
        made(tiny_public_key)


def test_a_full_disk_leaves_the_old_bundle_unchanged(made, tmp_path, monkeypatch):
    path = tmp_path / "x.bundle"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_bundle(path, made())
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_remembering_converter_converts_a_model_again_only_if_it_changed():
    asked = []

    def converter(parameters, shape):
        asked.append(parameters)
        return bytes([len(asked)])

    remembered, other = remembering(converter), PARAMETERS._replace(d=PARAMETERS.d + 1)
    assert [remembered(model, SHAPE) for model in (PARAMETERS, other, PARAMETERS, other)] == [b"\x01", b"\x02"] * 2
    for part, expected in zip(asked[1], other, strict=True):
        np.testing.assert_array_equal(part, expected)
