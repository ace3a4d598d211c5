import re

import pytest

from device_runtime.bundle import load_bundle
from device_runtime.keys import generate_keys
from thumbprint.trust import fingerprint, key_folder


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
    assert "keys generate" in run("export", tiny_run, "--out", bundle).mistake
    _, public = generate_keys(key_folder())
    job.write_text('name = "other"\n[personalization]\nsteps = 7\n')
    assert run("export", tiny_run, "--out", bundle, "--job", job).code == 0
    manifest = load_bundle(bundle, public).manifest
    assert (manifest.name, manifest.recipe.steps) == ("other", 7)


@pytest.mark.parametrize("key", ["public", "none"])
def test_a_wrong_key_writes_nothing(run, tiny_run, tiny_keys, tmp_path, key):
    named = {"public": tiny_keys[1], "none": tmp_path / "none.pem"}[key]
    assert str(named) in run("export", tiny_run, "--out", tmp_path / "x.bundle", "--key", named).mistake
    assert not (tmp_path / "x.bundle").exists()


def test_a_folder_that_holds_no_run(run, tiny_keys, tmp_path):
    said = run("export", tmp_path, "--out", tmp_path / "x.bundle", "--key", tiny_keys[0]).mistake
    assert "thumbprint train" in said
    assert not (tmp_path / "x.bundle").exists()


def test_an_out_that_cannot_be_written(run, tiny_run, tiny_keys, tmp_path):
    assert run("export", tiny_run, "--out", tmp_path, "--key", tiny_keys[0]).mistake
    assert run("export", tiny_run, "--out", tmp_path / "no" / "x.bundle", "--key", tiny_keys[0]).mistake
