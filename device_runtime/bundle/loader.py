"""Reads the signed bundle that an app ships, and verifies it before it interprets anything.

The order matters: first the names and sizes of the files, then the signature over the manifest's bytes, then the
manifest, then the hash of each file. Only after all of this does a parser see a file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from device_runtime.adapter.adapter import Adapter, AdapterError, check_adapter
from device_runtime.adapter.encodings import NAMES
from device_runtime.adapter.files import TensorFileError, read_tensors
from device_runtime.bundle import files
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.signing_keys import load_public
from device_runtime.manifest import FORMAT, FORMAT_VERSION, FileEntry, Manifest, ModelShape
from keyboard_model.ngram.table import NgramError, NgramTable

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle.

    Attributes:
        path: Where it was read from.
        manifest: Its signed description.
        model: The content of `model.tflite`, the neural part of the shared model.
        tokenizer: The content of `tokenizer.model`.
        starts: The initial adapters, of which a phone uses the first until it has adapted.
        ngram: The n-grams of the shared model.
    """

    path: Path
    manifest: Manifest
    model: bytes
    tokenizer: bytes
    starts: tuple[Adapter, ...]
    ngram: NgramTable

    @property
    def adapter_init(self) -> Adapter:
        """The shared start: the adapter of a phone that has none of its own."""
        return self.starts[0]


def load_bundle(path: Path | str, public_key: Path | str) -> Bundle:
    """Reads and verifies a bundle.

    Args:
        path: A folder or a zip file.
        public_key: The PEM file of the public key that belongs to the private key of the signer.

    Raises:
        BundleError: the bundle is incomplete, damaged, signed with another key, or in another format.
        KeyFileError: `public_key` is not a public key.
    """
    path = Path(path)
    key = load_public(public_key)
    content = files.read_files(path, lambda manifest, signature: check_signature(manifest, signature, key))
    manifest = read_manifest(content[files.MANIFEST])
    _check_files(content, manifest)
    try:
        return parse_bundle(path, manifest, content)
    except (AdapterError, NgramError) as error:
        raise BundleError(f"{path}: {error}") from error


def parse_bundle(path: Path, manifest: Manifest, content: Mapping[str, bytes]) -> Bundle:
    """Returns the bundle in `content`, the bytes of the files by name, which must be verified already.

    Raises:
        AdapterError, NgramError: the initial adapters or the n-grams cannot be read, or belong to another model.
    """
    ngram = NgramTable.from_bytes(content[files.NGRAM])
    if ngram.vocab != manifest.model.vocab:
        raise NgramError(f"the n-grams are of {ngram.vocab} pieces, the model of {manifest.model.vocab}")
    starts = load_initial_adapters(content[files.ADAPTER_INIT], manifest.model, manifest.recipe.starts)
    return Bundle(path, manifest, content[files.MODEL], content[files.TOKENIZER], starts, ngram)


def check_signature(manifest: bytes, signature: bytes, key: Ed25519PublicKey) -> None:
    """Raises BundleError unless `signature` is the signature of `manifest` with the private key of `key`."""
    if len(signature) != 64:
        raise BundleError(
            f"the bundle is not signed: {files.SIGNATURE} has {len(signature)} bytes instead of the 64 of a signature"
        )
    try:
        key.verify(signature, manifest)
    except InvalidSignature as error:
        raise BundleError(
            "the signature does not fit: the manifest was changed, or the bundle was signed with another key"
        ) from error


def file_entries(content: Mapping[str, bytes]) -> dict[str, FileEntry]:
    """Returns the manifest's entry of each content file, from the bytes of the files by name."""
    return {
        name: FileEntry(sha256=hashlib.sha256(content[name]).hexdigest(), bytes=len(content[name]))
        for name in files.CONTENT
    }


def model_id(content: Mapping[str, bytes]) -> str:
    """Returns the id that binds an adapter to its model: SHA-256 (hex) over the four content files."""
    digest = hashlib.sha256()
    for name in files.CONTENT:
        digest.update(content[name])
    return digest.hexdigest()


def read_manifest(raw: bytes) -> Manifest:
    """Reads the bytes of `manifest.json`. Does not check the signature.

    >>> read_manifest(b"{}")
    Traceback (most recent call last):
        ...
    device_runtime.bundle.files.BundleError: this is not a Thumbprint bundle: its manifest names another format

    Raises:
        BundleError: the bytes are not a manifest, or its version is not supported.
    """
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"the manifest is not valid JSON: {error}") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise BundleError("this is not a Thumbprint bundle: its manifest names another format")
    version = fields.get("format_version")
    if version != FORMAT_VERSION:
        raise BundleError(
            f"the bundle has format version {version!r}, but this program reads version {FORMAT_VERSION}: "
            "export it again or update the app"
        )
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"the manifest does not match its schema: {where}: {first['msg']}") from error


def _check_files(content: Mapping[str, bytes], manifest: Manifest) -> None:
    if set(manifest.files) != set(files.CONTENT):
        raise BundleError(
            f"the manifest lists the files {sorted(manifest.files)}, but a bundle has {sorted(files.CONTENT)}"
        )
    for name, entry in file_entries(content).items():
        if entry != manifest.files[name]:
            raise BundleError(f"{name} is not the file that was signed: it was changed or damaged")
    if model_id(content) != manifest.model_id:
        raise BundleError("the model_id in the manifest is not the id of its files")


def serialize_initial_adapters(starts: Sequence[Tensors]) -> bytes:
    """Returns the content of `adapter_init.safetensors`, as float32.

    Args:
        starts: The tensors `lora_a`, `lora_b`, `bias` of each start. The first start, the only one for most methods,
            keeps these names. The tensors of the others are stored as `1.lora_a`, `1.lora_b`, `1.bias`, and so on.
    """
    return safetensors.numpy.save(
        {
            _stored_name(name, at): np.ascontiguousarray(start[name], np.float32)
            for at, start in enumerate(starts)
            for name in NAMES
        }
    )


def load_initial_adapters(data: bytes, shape: ModelShape, number: int) -> tuple[Adapter, ...]:
    """Reads `number` adapters from the content of `adapter_init.safetensors`.

    Raises:
        AdapterError: the content is damaged, or it holds another number of adapters, or adapters of another model.
    """
    try:
        _, tensors = read_tensors(data)
    except TensorFileError as error:
        raise AdapterError(f"the initial adapter cannot be read: it {error}") from error
    expected = {_stored_name(name, at) for at in range(number) for name in NAMES}
    if tensors.keys() != expected:
        raise AdapterError(
            f"the initial adapter has the tensors {sorted(tensors)[:20]}, the recipe's number of starts is {number}"
        )
    return tuple(
        check_adapter(
            {name: tensors[_stored_name(name, at)] for name in NAMES},
            shape,
            f"start {at}" if at else "the initial adapter",
        )
        for at in range(number)
    )


def _stored_name(name: str, at: int) -> str:
    return f"{at}.{name}" if at else name
