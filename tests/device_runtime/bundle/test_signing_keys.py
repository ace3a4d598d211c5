"""Keys are generated once and never overwritten; other files are rejected."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from device_runtime.bundle.signing_keys import KeyFileError, SigningKeys, load_private, load_public


def test_a_generated_pair_signs_and_verifies(tmp_path: Path) -> None:
    private, public = SigningKeys.generate(tmp_path / "new" / "folder")
    load_public(public).verify(load_private(private).sign(b"text"), b"text")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    private, public = SigningKeys.generate(tmp_path)
    before = private.read_bytes(), public.read_bytes()
    with pytest.raises(KeyFileError, match="never overwritten"):
        SigningKeys.generate(tmp_path)
    private.unlink()
    with pytest.raises(KeyFileError, match="never overwritten"):
        SigningKeys.generate(tmp_path)
    assert (public.read_bytes(), private.exists()) == (before[1], False)


@pytest.mark.parametrize("data", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_rejects_files_that_are_not_keys(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "key").write_bytes(data)
    for load in (load_private, load_public):
        with pytest.raises(KeyFileError, match="keys generate"):
            load(tmp_path / "key")


def test_rejects_a_private_key_as_public_and_a_public_key_as_private(tmp_path: Path) -> None:
    private, public = SigningKeys.generate(tmp_path)
    with pytest.raises(KeyFileError, match="not a public key"):
        load_public(private)
    with pytest.raises(KeyFileError, match="not a private key"):
        load_private(public)


def test_rejects_keys_of_another_algorithm(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "a").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "b").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(KeyFileError, match="Ed25519"):
        load_private(tmp_path / "a")
    with pytest.raises(KeyFileError, match="Ed25519"):
        load_public(tmp_path / "b")


def test_rejects_missing_and_huge_files(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="does not exist"):
        load_private(tmp_path / "none")
    (tmp_path / "huge").write_bytes(b"x" * 100_000)
    with pytest.raises(KeyFileError, match="too large"):
        load_public(tmp_path / "huge")
