"""The bundle's six files: signed, reproducible, written whole or not at all."""

import errno
import os
import zipfile

import pytest

from device_runtime.bundle import files
from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import KeyFileError
from keyboard_model.ngram.table import Level, NgramTable
from tests.support.tflite_export.models import PROVENANCE, RECIPE, SHAPE, START, TOKENIZER
from tflite_export.bundle_writer import assemble, write_bundle

NGRAM = NgramTable(NgramTable.empty(SHAPE.vocab).unigram, Level.of([3, 3], [4, 5], [0.5, 0.25]), Level.of([], [], []))


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
