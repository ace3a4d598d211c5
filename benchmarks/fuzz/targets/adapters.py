"""Adapter files from other phones."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzz.mutators import safetensors_files
from benchmarks.fuzz.target import Input, ViolationError
from benchmarks.material.material import Material
from device_runtime.adapter.files import save_adapter
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.manifest import AdapterEncoding
from device_runtime.phone.phone import Phone, PhoneError

_FILE = "adapter.safetensors"
_ENCODINGS: tuple[AdapterEncoding, ...] = ("float32", "float16", "int8", "sparse")


@dataclass
class Adapters:
    """`Phone.use_adapter_file` refuses a damaged file; whatever it accepts, the phone can use."""

    material: Material
    folder: Path
    name: str = "adapters"

    def __post_init__(self) -> None:
        bundle = load_bundle(self.material.bundle, self.material.public_key)
        self._engine = Engine(bundle)
        self._seeds = []
        self.folder.mkdir(parents=True, exist_ok=True)
        for encoding in _ENCODINGS:
            path = self.folder / f"{encoding}.safetensors"
            save_adapter(path, bundle.adapter_init, bundle.manifest.model_id, encoding)
            self._seeds.append(path.read_bytes())

    def make(self, chance: random.Random) -> Input:
        return {_FILE: safetensors_files.mutate(chance, chance.choice(self._seeds))}

    def start(self) -> None:
        pass

    def run(self, given: Input, folder: Path) -> bool:
        with Phone.open(folder / "phone", self._engine) as phone:
            try:
                phone.use_adapter_file(given[_FILE])
            except PhoneError:
                if phone.adapter is not self._engine.bundle.adapter_init:
                    raise ViolationError("a refused adapter is in use") from None
                return False
            if not phone.adapter.is_finite():
                raise ViolationError("an adapter that is not finite is in use")
            phone.predict("see you")
            used = phone.adapter_file()
        with Phone.open(folder / "phone", self._engine) as phone:
            if phone.notes or phone.adapter_file() != used:
                raise ViolationError("an accepted adapter is not there after a restart")
        return True
