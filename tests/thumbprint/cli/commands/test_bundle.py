"""`thumbprint bundle`, `thumbprint export`: verify, inspect and make a bundle."""

import re
import shutil

import pytest

from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import SigningKeys
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from federated.run import Run
from keyboard_model.ngram.table import NgramTable
from thumbprint.cli.trusted_keys import fingerprint, key_folder


@pytest.fixture
def manifest(tiny_bundle, tiny_public_key):
    return load_bundle(tiny_bundle, tiny_public_key).manifest


def test_verify_prints_one_line(run, tiny_bundle, trusted, manifest):
    code, out, err = run("bundle", "verify", tiny_bundle)
    assert (code, err) == (0, "")
    (line,) = out.splitlines()
    assert line.startswith(f"OK: {manifest.name}, model {manifest.model_id}, key {fingerprint(trusted)}")
    assert ("SYNTHETIC" in line) == manifest.provenance.synthetic


def test_verify_refuses_a_model_that_crashes_the_interpreter(run, crashing_bundle, trusted):
    code, out, err = run("bundle", "verify", crashing_bundle)
    assert (code, out) == (2, "")
    assert "crashes the interpreter" in err


def test_inspect_shows_files_signatures_origin_and_recipe(run, tiny_bundle, trusted, manifest):
    code, out, err = run("bundle", "inspect", tiny_bundle)
    assert (code, err) == (0, "")
    for entry in manifest.files.values():
        assert entry.sha256 in out
        assert f"{entry.bytes:,}" in out
    for name, signature in manifest.signatures.items():
        assert name in out
        assert all(tensor in out for tensor in (*signature.inputs, *signature.outputs))
    for text in (manifest.model_id, fingerprint(trusted), manifest.provenance.corpus, "history.cache_half"):
        assert text in out
    assert all(metric in out for metric in manifest.metrics)


@pytest.fixture
def unusable(tiny_bundle, tmp_path):
    """Bundles and public keys that cannot be used, by name."""
    (tmp_path / "torn.bundle").write_bytes(b"PK\x03\x04 and then nothing")
    (tmp_path / "text.pem").write_text("hello")
    return {
        "torn": tmp_path / "torn.bundle",
        "missing": tmp_path / "missing.bundle",
        "text": tmp_path / "text.pem",
        "other": SigningKeys.generate(tmp_path / "other").public,
    }


@pytest.mark.parametrize("command", ["verify", "inspect"])
@pytest.mark.parametrize(
    ("bundle", "key", "expected"),
    [
        ("torn", None, "torn.bundle"),
        ("missing", None, "does not exist"),
        (None, "text", "is not a public key"),
        (None, "other", "signed with another key"),
    ],
)
def test_rejects_unusable_bundles_and_keys(run, tiny_bundle, trusted, unusable, command, bundle, key, expected):
    path, public = unusable.get(bundle, tiny_bundle), unusable.get(key, trusted)
    message = run("bundle", command, path, "--public-key", public).error
    assert expected in message
    assert str(path if bundle else public) in message


def assert_has_the_n_grams(bundle, public, run, weight):
    exported, counted = load_bundle(bundle, public), Run(run).ngram()
    assert exported.manifest.ngram_weight == weight
    assert exported.ngram.to_bytes() == (counted if weight else NgramTable.empty(counted.vocab)).to_bytes()


def test_export_signs_a_run_with_the_named_key(run, tiny_run, tiny_keys, tmp_path):
    bundle = tmp_path / "x.bundle"
    code, out, err = run("export", tiny_run, "--out", bundle, "--key", tiny_keys[0])
    assert (code, err) == (0, "")
    assert "SYNTHETIC" in out
    assert fingerprint(tiny_keys[1]) in out
    assert f"{bundle.stat().st_size:,}" in out
    manifest = load_bundle(bundle, tiny_keys[1]).manifest
    assert (manifest.name, manifest.provenance.synthetic) == ("tiny", True)
    assert_has_the_n_grams(bundle, tiny_keys[1], tiny_run, 0.3)
    measured = manifest.metrics["export_difference_log_probability"]
    assert re.search(rf"largest difference in log-probability, nats +│ {measured:.6g} ", out)


def test_export_uses_the_own_key_and_another_job(run, tiny_run, tmp_path):
    bundle, job = tmp_path / "x.bundle", tmp_path / "other.toml"
    assert "keys generate" in run("export", tiny_run, "--out", bundle).error
    _, public = SigningKeys.generate(key_folder())
    job.write_text('name = "other"\n[personalization]\nsteps = 7\n[ngram]\nweight = 0.125\n')
    assert run("export", tiny_run, "--out", bundle, "--job", job).code == 0
    manifest = load_bundle(bundle, public).manifest
    assert (manifest.name, manifest.recipe.steps) == ("other", 7)
    assert_has_the_n_grams(bundle, public, tiny_run, 0.125)


def test_export_leaves_out_n_grams_without_weight(run, tiny_run, tiny_keys, tmp_path):
    bundle, job = tmp_path / "x.bundle", tmp_path / "job.toml"
    job.write_text("[ngram]\nweight = 0.0\n")
    assert run("export", tiny_run, "--out", bundle, "--key", tiny_keys[0], "--job", job).code == 0
    assert_has_the_n_grams(bundle, tiny_keys[1], tiny_run, 0.0)


def test_global_only_always_suggests_the_words_of_the_shared_model(run, tiny_run, tiny_keys, tmp_path):
    bundle, job = tmp_path / "x.bundle", tmp_path / "job.toml"
    job.write_text('[personalization]\nmethod = "global_only"\n[personalization.gate]\nmin_words = 0\nmargin = 0\n')
    assert run("export", tiny_run, "--out", bundle, "--key", tiny_keys[0], "--job", job).code == 0
    with Phone.open(tmp_path / "phone", Engine(load_bundle(bundle, tiny_keys[1]))) as phone:
        phone.observe_many(["zyzzy see you at home", "zyzzy ok see you"] * 50)
        assert phone.adapt().steps == 0
        for context in ("", "zyzzy", "see", "see you", "ok see you at"):
            for prefix in ("", "z", "h"):
                personal, shared = (
                    [(suggestion.word, suggestion.probability) for suggestion in suggestions]
                    for suggestions in (phone.predict(context, prefix, 5, personal=choice) for choice in (True, False))
                )
                assert personal == shared


@pytest.fixture
def run_folders(tiny_run, tmp_path):
    """Run folders that cannot be exported, by name."""
    without_ngrams = shutil.copytree(tiny_run, tmp_path / "without_ngrams")
    (without_ngrams / "ngram.safetensors").unlink()
    (tmp_path / "empty").mkdir()
    return {"without n-grams": without_ngrams, "empty": tmp_path / "empty"}


@pytest.mark.parametrize(
    ("folder", "options", "expected"),
    [
        ("without n-grams", (), "thumbprint train --resume"),
        ("empty", (), "thumbprint train"),
        (None, ("--key", "{public}"), "{public}"),
        (None, ("--key", "missing.pem"), "missing.pem"),
        (None, ("--out", "{folder}"), "cannot use {folder}: Is a directory"),
        (None, ("--out", "."), "cannot use .: Is a directory"),
        (None, ("--out", "missing/x.bundle"), "missing"),
    ],
)
def test_export_writes_nothing_if_it_cannot_succeed(
    run, tiny_run, tiny_keys, run_folders, tmp_path, monkeypatch, folder, options, expected
):
    monkeypatch.chdir(tmp_path)
    names = {"public": tiny_keys[1], "folder": run_folders["empty"]}
    options = [option.format(**names) for option in options]
    source = run_folders.get(folder, tiny_run)
    message = run("export", source, "--out", tmp_path / "x.bundle", "--key", tiny_keys[0], *options).error
    assert expected.format(**names) in message
    assert not list(tmp_path.glob("**/*.bundle"))
