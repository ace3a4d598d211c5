"""The signed bundle that an app ships, verified before any of it is interpreted.

The order is the point: the files' names and sizes, then the signature over the manifest's bytes, only
then the manifest's JSON, then every file's hash; and only then does a parser see a file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from device_runtime.adapter.adapter import Adapter, AdapterError
from device_runtime.bundle import files
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.initial_adapters import load_initial_adapters
from device_runtime.bundle.signing_keys import load_public
from device_runtime.manifest import FORMAT, FORMAT_VERSION, FileEntry, Manifest
from keyboard_model.ngram.table import NgramError, NgramTable

__all__ = [
    "Bundle",
    "BundleError",
    "check_signature",
    "file_entries",
    "load_bundle",
    "model_id",
    "parse_manifest",
    "read_manifest",
]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle. `model` and `tokenizer` are the files' bytes, `ngram` the shared model's other half."""

    path: Path
    manifest: Manifest
    model: bytes
    tokenizer: bytes
    starts: tuple[Adapter, ...]
    ngram: NgramTable

    @property
    def adapter_init(self) -> Adapter:
        """The shared start: what a phone types on until it has an adapter of its own."""
        return self.starts[0]


def load_bundle(path: Path | str, public_key: Path | str) -> Bundle:
    """Reads and verifies a bundle, a folder or a zip.

    Raises:
        BundleError: it is incomplete, damaged, not signed by `public_key`'s owner, or of another format.
        KeyFileError: `public_key` is no public key.
    """
    path = Path(path)
    key = load_public(public_key)
    content = files.read_files(path)
    check_signature(content[files.MANIFEST], content[files.SIGNATURE], key)
    manifest = read_manifest(content[files.MANIFEST])
    _check_files(content, manifest)
    try:
        return parse_manifest(path, manifest, content)
    except (AdapterError, NgramError) as error:
        raise BundleError(f"{path}: {error}") from error


def parse_manifest(path: Path, manifest: Manifest, content: Mapping[str, bytes]) -> Bundle:
    """Returns the bundle that files, verified before, come to.

    Raises:
        AdapterError, NgramError: the starts or the n-grams are none, or another model's.
    """
    ngram = NgramTable.from_bytes(content[files.NGRAM])
    if ngram.vocab != manifest.model.vocab:
        raise NgramError(f"the n-grams are of {ngram.vocab} pieces, the model of {manifest.model.vocab}")
    starts = load_initial_adapters(content[files.ADAPTER_INIT], manifest.model, manifest.recipe.starts)
    return Bundle(path, manifest, content[files.MODEL], content[files.TOKENIZER], starts, ngram)


def check_signature(manifest: bytes, signature: bytes, key: Ed25519PublicKey) -> None:
    """Raises BundleError unless `signature` is that of `manifest` by the owner of `key`."""
    if len(signature) != 64:
        raise BundleError(f"the bundle is not signed: {files.SIGNATURE} has {len(signature)} bytes, a signature has 64")
    try:
        key.verify(signature, manifest)
    except InvalidSignature as error:
        raise BundleError(
            "the signature does not fit: the manifest was changed, or the bundle was signed with another key"
        ) from error


def file_entries(content: Mapping[str, bytes]) -> dict[str, FileEntry]:
    """What the manifest says of each content file, given the files' bytes by name."""
    return {
        name: FileEntry(sha256=hashlib.sha256(content[name]).hexdigest(), bytes=len(content[name]))
        for name in files.CONTENT
    }


def model_id(content: Mapping[str, bytes]) -> str:
    """SHA-256 (hex) over model, tokenizer, initial adapter and n-grams: what an adapter is bound to."""
    digest = hashlib.sha256()
    for name in files.CONTENT:
        digest.update(content[name])
    return digest.hexdigest()


def read_manifest(raw: bytes) -> Manifest:
    """Reads a manifest; that it was signed is another's to check. Raises BundleError: it is none, or not of today."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"the manifest is no JSON: {error}") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise BundleError("this is no Thumbprint bundle: its manifest names another format")
    version = fields.get("format_version")
    if version != FORMAT_VERSION:
        raise BundleError(
            f"the bundle has format version {version!r}, this program reads {FORMAT_VERSION}: "
            "export it again or update the app"
        )
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"the manifest is not as it should be: {where}: {first['msg']}") from error


def _check_files(content: Mapping[str, bytes], manifest: Manifest) -> None:
    if set(manifest.files) != set(files.CONTENT):
        raise BundleError(f"the manifest vouches for {sorted(manifest.files)}, not for {sorted(files.CONTENT)}")
    for name, entry in file_entries(content).items():
        if entry != manifest.files[name]:
            raise BundleError(f"{name} is not the file that was signed: it was changed or damaged")
    if model_id(content) != manifest.model_id:
        raise BundleError("the manifest's model_id is not that of its files")
