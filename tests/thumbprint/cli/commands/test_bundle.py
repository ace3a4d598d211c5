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


def test_verify_is_one_line(run, tiny_bundle, trusted, manifest):
    code, out, err = run("bundle", "verify", tiny_bundle)
    assert (code, err) == (0, "")
    (line,) = out.splitlines()
    assert line.startswith(f"OK: {manifest.name}, model {manifest.model_id}, key {fingerprint(trusted)}")
    assert ("SYNTHETIC" in line) == manifest.provenance.synthetic


def test_inspect_shows_what_is_in_it(run, tiny_bundle, trusted, manifest):
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


@pytest.mark.parametrize("command", ["verify", "inspect"])
def test_a_bundle_signed_by_another_is_refused(run, tiny_bundle, tmp_path, command):
    _, public = SigningKeys.generate(tmp_path / "others")
    said = run("bundle", command, tiny_bundle, "--public-key", public).error
    assert "signed with another key" in said
    assert str(public) in said


def test_a_truncated_bundle_is_refused(run, trusted, tmp_path):
    path = tmp_path / "torn.bundle"
    path.write_bytes(b"PK\x03\x04 and then nothing")
    assert "torn.bundle" in run("bundle", "verify", path).error


def test_no_bundle(run, trusted, tmp_path):
    assert "does not exist" in run("bundle", "verify", tmp_path / "none.bundle").error


def test_a_key_that_is_none(run, tiny_bundle, tmp_path):
    (tmp_path / "key.pem").write_text("hello")
    said = run("bundle", "verify", tiny_bundle, "--public-key", tmp_path / "key.pem").error
    assert "is not a public key" in said


def test_a_run_becomes_a_bundle_signed_with_the_key_named(run, tiny_run, tiny_keys, tmp_path):
    bundle = tmp_path / "x.bundle"
    code, out, err = run("export", tiny_run, "--out", bundle, "--key", tiny_keys[0])
    assert (code, err) == (0, "")
    assert "SYNTHETIC" in out
    assert fingerprint(tiny_keys[1]) in out
    assert f"{bundle.stat().st_size:,}" in out
    manifest = load_bundle(bundle, tiny_keys[1]).manifest
    assert (manifest.name, manifest.provenance.synthetic) == ("tiny", True)
    measured = manifest.metrics["export_difference_log_probability"]
    assert re.search(rf"largest difference in log-probability, nats +│ {measured:.6g} ", out)


def test_ones_own_key_and_another_recipe(run, tiny_run, tmp_path):
    bundle, job = tmp_path / "x.bundle", tmp_path / "other.toml"
    assert "keys generate" in run("export", tiny_run, "--out", bundle).error
    _, public = SigningKeys.generate(key_folder())
    job.write_text('name = "other"\n[personalization]\nsteps = 7\n')
    assert run("export", tiny_run, "--out", bundle, "--job", job).code == 0
    manifest = load_bundle(bundle, public).manifest
    assert (manifest.name, manifest.recipe.steps) == ("other", 7)


def test_the_run_s_ngrams_go_along_with_the_job_s_weight(run, tiny_run, tiny_keys, tmp_path):
    counted = Run(tiny_run).ngram()
    for weight in (None, 0.125, 0.0):
        bundle, job = tmp_path / "x.bundle", tmp_path / "job.toml"
        job.write_text(f"[ngram]\nweight = {weight}\n")
        given = () if weight is None else ("--job", job)
        assert run("export", tiny_run, "--out", bundle, "--key", tiny_keys[0], *given).code == 0
        made = load_bundle(bundle, tiny_keys[1])
        assert made.manifest.ngram_weight == (0.3 if weight is None else weight)
        empty = NgramTable.empty(counted.vocab)
        assert made.ngram.to_bytes() == (empty if weight == 0.0 else counted).to_bytes()


def test_a_run_that_counted_no_ngrams_says_how_to(run, tiny_run, tiny_keys, tmp_path):
    bare = shutil.copytree(tiny_run, tmp_path / "bare")
    (bare / "ngram.safetensors").unlink()
    said = run("export", bare, "--out", tmp_path / "x.bundle", "--key", tiny_keys[0]).error
    assert "thumbprint train --resume" in said
    assert not (tmp_path / "x.bundle").exists()


def test_global_only_suggests_what_the_shared_model_does_whatever_was_typed(run, tiny_run, tiny_keys, tmp_path):
    bundle, job = tmp_path / "x.bundle", tmp_path / "job.toml"
    job.write_text('[personalization]\nmethod = "global_only"\n[personalization.gate]\nmin_words = 0\nmargin = 0\n')
    assert run("export", tiny_run, "--out", bundle, "--key", tiny_keys[0], "--job", job).code == 0
    with Phone.open(tmp_path / "phone", Engine(load_bundle(bundle, tiny_keys[1]))) as phone:
        phone.observe_many(["zyzzy see you at home", "zyzzy ok see you"] * 50)
        assert phone.adapt().steps == 0
        for context in ("", "zyzzy", "see", "see you", "ok see you at"):
            for prefix in ("", "z", "h"):
                own, shared = (phone.predict(context, prefix, 5, personal=personal) for personal in (True, False))
                assert [(key.word, key.probability) for key in own] == [(key.word, key.probability) for key in shared]


@pytest.mark.parametrize("key", ["public", "none"])
def test_a_wrong_key_writes_nothing(run, tiny_run, tiny_keys, tmp_path, key):
    named = {"public": tiny_keys[1], "none": tmp_path / "none.pem"}[key]
    assert str(named) in run("export", tiny_run, "--out", tmp_path / "x.bundle", "--key", named).error
    assert not (tmp_path / "x.bundle").exists()


def test_a_folder_that_holds_no_run(run, tiny_keys, tmp_path):
    said = run("export", tmp_path, "--out", tmp_path / "x.bundle", "--key", tiny_keys[0]).error
    assert "thumbprint train" in said
    assert not (tmp_path / "x.bundle").exists()


def test_an_out_that_cannot_be_written(run, tiny_run, tiny_keys, tmp_path):
    assert run("export", tiny_run, "--out", tmp_path, "--key", tiny_keys[0]).error
    assert run("export", tiny_run, "--out", tmp_path / "no" / "x.bundle", "--key", tiny_keys[0]).error
