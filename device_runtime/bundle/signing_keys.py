"""The Ed25519 keys that sign bundles. An app team generates them once, and ships the public key in the app."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

PRIVATE_NAME = "thumbprint_private.pem"
PUBLIC_NAME = "thumbprint_public.pem"
_MAX_BYTES = 64 * 1024


class KeyFileError(ValueError):
    """A key file is missing, is not such a key, or would be overwritten; the message says what to do."""


class SigningKeys(NamedTuple):
    """The paths of a key pair, two PEM files. The private key signs bundles; the public key ships in the app."""

    private: Path
    public: Path

    @classmethod
    def generate(cls, folder: Path | str) -> SigningKeys:
        """Generates a key pair in `folder` (created if missing). Only its owner can read the private key.

        Raises:
            KeyFileError: one of the files exists (a key is never overwritten), or the folder cannot be written.
        """
        folder = Path(folder)
        keys = cls(folder / PRIVATE_NAME, folder / PUBLIC_NAME)
        for path in keys:
            if path.exists() or path.is_symlink():
                raise KeyFileError(
                    f"{path} exists, and keys are never overwritten: choose another folder or move this file"
                )
        key = Ed25519PrivateKey.generate()
        private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _create(keys.private, private_pem, 0o600)
            try:
                _create(keys.public, public_pem, 0o644)
            except OSError:
                keys.private.unlink()
                raise
        except OSError as error:
            raise KeyFileError(f"cannot write keys in {folder}: {error.strerror}") from error
        return keys


def _create(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise


def load_private(path: Path | str) -> Ed25519PrivateKey:
    """Reads a private key that `SigningKeys.generate` wrote. Raises KeyFileError if the file is not one."""
    try:
        key = load_pem_private_key(_read(Path(path)), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _not_a_key(path, "private", error) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} is a private key of another kind: bundles are signed with Ed25519")
    return key


def load_public(path: Path | str) -> Ed25519PublicKey:
    """Reads a public key that `SigningKeys.generate` wrote. Raises KeyFileError if the file is not one."""
    try:
        key = load_pem_public_key(_read(Path(path)))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _not_a_key(path, "public", error) from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path} is a public key of another kind: bundles are signed with Ed25519")
    return key


def _not_a_key(path: Path | str, kind: str, error: Exception) -> KeyFileError:
    if isinstance(error, KeyFileError):
        return error
    return KeyFileError(f"{path} is not a {kind} key in PEM: generate a pair with `thumbprint keys generate`")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise KeyFileError(f"{path} does not exist: generate a pair of keys with `thumbprint keys generate`") from error
    except OSError as error:
        raise KeyFileError(f"cannot read the key {path}: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise KeyFileError(f"{path} is too large to be a key")
    return data
