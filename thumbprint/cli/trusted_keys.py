"""The key that a bundle must be signed with: the one that the user names, or the one in their app folder.

A key next to the bundle is never trusted automatically: anyone who changed the bundle could have changed that key too.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keyboard_model import base_en

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from device_runtime.bundle.loader import Bundle

BundleArgument = Annotated[
    Path,
    typer.Argument(
        metavar="BUNDLE",
        help="The bundle: a folder, or a zip of it; or base_en, the English one that comes with Thumbprint.",
        show_default=False,
    ),
]
PublicKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--public-key",
        metavar="FILE",
        envvar="THUMBPRINT_PUBLIC_KEY",
        help="The public key that the bundle must be signed with.",
        show_default="your own",
    ),
]


def app_folder() -> Path:
    """Returns this user's folder for keys and devices (`~/.config/thumbprint` on Linux)."""
    return Path(typer.get_app_dir("thumbprint"))


def key_folder() -> Path:
    """Returns the default folder of `thumbprint keys generate`."""
    return app_folder() / "keys"


def trusted_public_key(named: Path | None, bundle: Path) -> Path:
    """Returns the public key that verifies `bundle`: `named`, or that of the shipped bundle, or the app folder's.

    Raises:
        KeyFileError: `named` is None, and the app folder has no public key.
    """
    from device_runtime.bundle.signing_keys import PUBLIC_NAME, KeyFileError

    if named is not None:
        return named
    if bundle == base_en.BUNDLE:
        return base_en.PUBLIC_KEY
    if not (own := key_folder() / PUBLIC_NAME).exists():
        how = "name the signer's with --public-key FILE or THUMBPRINT_PUBLIC_KEY"
        raise KeyFileError(f"there is no public key to verify the bundle with: {how}{_beside(bundle)}")
    return own


def signing_key(named: Path | None) -> Path:
    """Returns the private key that signs bundles: `named`, or the one in the app folder.

    Raises:
        KeyFileError: `named` is None, and the app folder has no private key.
    """
    from device_runtime.bundle.signing_keys import PRIVATE_NAME, KeyFileError

    if named is not None:
        return named
    if not (own := key_folder() / PRIVATE_NAME).exists():
        raise KeyFileError("there is no private key to sign with: generate a pair with `thumbprint keys generate`")
    return own


def _beside(bundle: Path) -> str:
    """Names a key next to the bundle. Such a key proves nothing: only the user can know whether it is theirs."""
    from device_runtime.bundle.signing_keys import PUBLIC_NAME

    key = bundle.parent / "keys" / PUBLIC_NAME
    return f" (if you made the bundle yourself, that is {key})" if key.exists() else ""


def fingerprint(public_key: Path) -> str:
    """Returns `SHA256:` and the base64 of the hash of the key's DER (SubjectPublicKeyInfo), as OpenSSL writes it."""
    from device_runtime.bundle.signing_keys import load_public

    return _fingerprint(load_public(public_key))


def signer_fingerprint(private_key: Path) -> str:
    """Returns the fingerprint of the public key that verifies the signatures of `private_key`."""
    from device_runtime.bundle.signing_keys import load_private

    return _fingerprint(load_private(private_key).public_key())


def _fingerprint(public_key: Ed25519PublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")


@contextlib.contextmanager
def explaining_key_errors(public_key: Path, bundle: Path) -> Iterator[None]:
    """Adds to a BundleError about a signature which key was used, and how to name another."""
    from cryptography.exceptions import InvalidSignature

    from device_runtime.bundle.files import BundleError

    try:
        yield
    except BundleError as error:
        if not isinstance(error.__cause__, InvalidSignature):
            raise
        hint = f"than {public_key}; name the signer's with --public-key{_beside(bundle)}"
        raise BundleError(f"{bundle}: {error} {hint}") from error


def open_bundle(path: Path, named: Path | None) -> tuple[Bundle, Path]:
    """Verifies and loads a bundle. Returns it and the public key that verified it.

    Raises:
        BundleError: the bundle cannot be trusted or used.
        KeyFileError: there is no key to verify it with.
    """
    from device_runtime.bundle.loader import load_bundle

    path = base_en.resolve(path, base_en.BUNDLE)
    public_key = trusted_public_key(named, path)
    with explaining_key_errors(public_key, path):
        return load_bundle(path, public_key), public_key
