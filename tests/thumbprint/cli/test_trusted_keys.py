"""Which key signs and verifies a bundle, and its fingerprint."""

import base64
import hashlib
import shutil
import stat
import subprocess

import pytest

from device_runtime.bundle.signing_keys import PUBLIC_NAME, KeyFileError, SigningKeys
from keyboard_model import base_en
from thumbprint.cli.trusted_keys import fingerprint, key_folder, signing_key, trusted_public_key


def test_generate_creates_the_pair_that_later_commands_use(run, home, tmp_path):
    with pytest.raises(KeyFileError, match="keys generate"):
        signing_key(None)
    code, out, _ = run("keys", "generate")
    assert code == 0
    assert home in key_folder().parents
    public, private = trusted_public_key(None, tmp_path / "x.bundle"), signing_key(None)
    assert str(public) in out
    assert str(private) in out
    assert fingerprint(public) in out
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_generate_never_overwrites_a_key(run, tmp_path):
    assert run("keys", "generate", "--out", tmp_path / "keys").code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert "never overwritten" in run("keys", "generate", "--out", tmp_path / "keys").error
    assert {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before


def test_a_named_key_has_precedence(run, tmp_path):
    run("keys", "generate")
    assert trusted_public_key(tmp_path / "named.pem", tmp_path / "x.bundle") == tmp_path / "named.pem"


def test_the_shipped_bundle_is_verified_with_the_key_that_came_with_it(run, home, tmp_path):
    assert trusted_public_key(None, base_en.BUNDLE) == base_en.PUBLIC_KEY
    assert trusted_public_key(tmp_path / "named.pem", base_en.BUNDLE) == tmp_path / "named.pem"
    assert run("bundle", "verify", "base_en").out.startswith("OK: base_en")


def test_the_fingerprint_is_that_of_openssl(tmp_path):
    _, public = SigningKeys.generate(tmp_path)
    try:
        der = subprocess.run(
            ["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"], capture_output=True, check=True
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    digest = base64.b64encode(hashlib.sha256(der.stdout).digest()).decode().rstrip("=")
    assert fingerprint(public) == f"SHA256:{digest}"


def test_a_key_next_to_a_bundle_is_named_but_not_trusted(run, tiny_bundle, tiny_public_key, tmp_path):
    bundle = tmp_path / "runs" / "demo.bundle"
    (bundle.parent / "keys").mkdir(parents=True)
    copy = shutil.copytree if tiny_bundle.is_dir() else shutil.copy
    copy(tiny_bundle, bundle)
    beside = bundle.parent / "keys" / PUBLIC_NAME
    shutil.copy(tiny_public_key, beside)
    missing = run("bundle", "verify", bundle).error
    assert "--public-key" in missing
    assert str(beside) in missing
    run("keys", "generate")
    another = run("bundle", "verify", bundle).error
    assert str(key_folder() / PUBLIC_NAME) in another
    assert str(beside) in another
    assert run("bundle", "verify", bundle, "--public-key", beside).code == 0
