import pytest

from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import SigningKeys
from thumbprint.cli.trusted_keys import fingerprint


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
    said = run("bundle", command, tiny_bundle, "--public-key", public).mistake
    assert "signed with another key" in said
    assert str(public) in said


def test_a_truncated_bundle_is_refused(run, trusted, tmp_path):
    path = tmp_path / "torn.bundle"
    path.write_bytes(b"PK\x03\x04 and then nothing")
    assert "torn.bundle" in run("bundle", "verify", path).mistake


def test_no_bundle(run, trusted, tmp_path):
    assert "does not exist" in run("bundle", "verify", tmp_path / "none.bundle").mistake


def test_a_key_that_is_none(run, tiny_bundle, tmp_path):
    (tmp_path / "key.pem").write_text("hello")
    said = run("bundle", "verify", tiny_bundle, "--public-key", tmp_path / "key.pem").mistake
    assert "no public key" in said
