"""Bundles: changed after they were signed, which must be refused, and damaged ones signed with the right key."""

from __future__ import annotations

import faulthandler
import json
import os
import random
import resource
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fuzz.mutators import flatbuffers, json_values, raw_bytes, safetensors_files, zip_archives
from benchmarks.fuzz.target import Input, ViolationError
from benchmarks.material.material import Material
from benchmarks.material.signed_content import signed, write_folder
from device_runtime.adaptation.budget import Budget
from device_runtime.bundle.files import (
    ADAPTER_INIT,
    CONTENT,
    MANIFEST,
    MODEL,
    NGRAM,
    SIGNATURE,
    TOKENIZER,
    BundleError,
    read_files,
)
from device_runtime.bundle.loader import Bundle, load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.inference.model_trial import run_signatures
from device_runtime.phone.phone import Phone, PhoneError

_CHANGES = "changes.json"
_ZIP = "bundle.zip"
_TRIAL_SECONDS = 20
"""Processor time. It does not count as the child's own."""
_TRIAL_BYTES = 300 * 1024 * 1024
"""Address space beyond the child's. The trial's memory counts as the child's: the limit is below that of an input."""


@dataclass
class UnsignedBundles:
    """Bundles that were changed after signing, as folder or zip: `load_bundle` refuses whatever is not the original."""

    material: Material
    name: str = "bundles"

    def __post_init__(self) -> None:
        self._content = read_files(self.material.bundle)
        self._zip = zip_archives.write(self._content)

    def make(self, chance: random.Random) -> Input:
        if chance.random() < 0.6:
            return {_ZIP: zip_archives.mutate(chance, self._zip)}
        content = dict(self._content)
        name = chance.choice((*content, MANIFEST, MANIFEST, SIGNATURE))
        match chance.randrange(5):
            case 0:
                del content[name]
            case 1:
                content[chance.choice(("extra", "manifest.json.bak", ".hidden"))] = b"x"
            case _ if name == MANIFEST:
                content[name] = json_values.mutate(chance, json.loads(content[name]))
            case _:
                content[name] = raw_bytes.mutate(chance, content[name])
        return content

    def start(self) -> None:
        pass

    def run(self, given: Input, folder: Path) -> bool:
        if _ZIP in given:
            path = folder / _ZIP
            path.write_bytes(given[_ZIP])
        else:
            path = write_folder(folder / "bundle", given)
        try:
            load_bundle(path, self.material.public_key)
            content = read_files(path)
        except BundleError:
            return False
        if content != self._content:
            raise ViolationError("a bundle that was changed after signing was accepted")
        return True


@dataclass
class SignedBundles:
    """Damaged files signed with the right key: refused, or usable by a phone."""

    material: Material
    name: str
    files: tuple[str, ...]
    _words: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._content = read_files(self.material.bundle)
        self._words = flatbuffers.structure(self._content[MODEL])

    def make(self, chance: random.Random) -> Input:
        name = chance.choice(self.files)
        data = self._content[name]
        if name == MANIFEST:
            fields = {key: value for key, value in json.loads(data).items() if key not in ("files", "model_id")}
            return {_CHANGES: json_values.mutate(chance, fields)}
        if chance.random() < 0.2:
            return {name: raw_bytes.mutate(chance, data)}
        if name == MODEL:
            return {name: flatbuffers.mutate(chance, data, self._words)}
        if name in (ADAPTER_INIT, NGRAM):
            return {name: safetensors_files.mutate(chance, data)}
        return {name: raw_bytes.mutate(chance, data)}

    def start(self) -> None:
        pass

    def run(self, given: Input, folder: Path) -> bool:
        content = {**self._content, **{name: data for name, data in given.items() if name in CONTENT}}
        try:
            changes = json.loads(given.get(_CHANGES, b"{}"))
            if not isinstance(changes, dict):
                return False
            content = signed(content, changes, self.material.private_key)
        except (ValueError, RecursionError):  # the mutator damaged the JSON itself: not a manifest that one can sign
            return False
        path = write_folder(folder / "bundle", content)
        try:
            bundle = load_bundle(path, self.material.public_key)
            if MODEL in given and not _passes_a_trial(bundle):
                return False
            engine = Engine(bundle)
        except BundleError:
            return False
        use_phone(folder / "phone", engine)
        return True


def _passes_a_trial(bundle: Bundle) -> bool:
    """Returns what `model_trial.try_in_child` says, which every model must pass before a phone gets it.

    The trial runs in a fork of this child instead of a new interpreter, which would take ten times as long.
    """
    limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + _TRIAL_BYTES
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (_TRIAL_SECONDS, _TRIAL_SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            faulthandler.disable()
            run_signatures(Engine(bundle))
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return status == 0


def use_phone(folder: Path, engine: Engine) -> bool:
    """Does on a phone what an owner does. Returns whether the phone accepted all of it."""
    try:
        with Phone.open(folder, engine) as phone:
            phone.observe_many(["see you at home", "Meet Zorblatt at the station", "ok thanks"] * 3)
            phone.predict("see you", "h")
            phone.adapt(Budget(seconds=0.5))  # a signed recipe can ask for more steps than an input has time for
            phone.predict("meet zorblatt at")
            phone.forget_word("zorblatt")
            phone.rollback(0)
            phone.export()
    except (PhoneError, BundleError):
        return False
    return True


def bundle_targets(material: Material) -> list[UnsignedBundles | SignedBundles]:
    """Returns the targets of this module."""
    return [
        UnsignedBundles(material),
        SignedBundles(material, "signed-parts", (MANIFEST, TOKENIZER, ADAPTER_INIT, NGRAM)),
        SignedBundles(material, "signed-models", (MODEL,)),
    ]
