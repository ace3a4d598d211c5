"""Texts: what owners type and what importers read, through words, masking, storing and suggesting."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzz.mutators import texts
from benchmarks.fuzz.target import Input, ViolationError
from benchmarks.material.material import Material
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone, PhoneError
from keyboard_model.text.sensitive import mask_sensitive
from keyboard_model.text.units import normalize, units, words

_FILE = "texts.json"


@dataclass
class Texts:
    """No text takes long or raises anything but PhoneError; a forgotten word is gone from history and suggestions."""

    material: Material
    name: str = "texts"

    def __post_init__(self) -> None:
        self._engine = Engine(load_bundle(self.material.bundle, self.material.public_key))

    def make(self, chance: random.Random) -> Input:
        if chance.random() < 0.05:
            made = [texts.long_text(chance), texts.text(chance, 8)]
        else:
            made = [texts.text(chance, 60) for _ in range(4)]
        return {_FILE: json.dumps(made).encode()}

    def start(self) -> None:
        pass

    def run(self, given: Input, folder: Path) -> bool:
        try:
            made = json.loads(given[_FILE])
        except ValueError:  # a minimizing step
            return False
        if not isinstance(made, list) or not all(isinstance(text, str) for text in made):
            return False
        for text in made:
            _check_units(text)
            masked = mask_sensitive(text)
            if mask_sensitive(masked) != masked:
                raise ViolationError("masking a masked text changes it")
        with Phone.open(folder / "phone", self._engine) as phone:
            for text in made:
                phone.observe(text)
                phone.predict(text, k=3)
                phone.predict("see you", text[:12], k=3)
                phone.predict(text[:50], text[-3:], k=1)
            for word in [word.word for word in phone.learned_words(None)][:2]:
                _forget(phone, word)
            phone.export()
        return True


def _check_units(text: str) -> None:
    normal = normalize(text)
    end = 0
    for unit in units(normal):
        if not end <= unit.start < unit.end <= len(normal):
            raise ViolationError("units overlap, are empty, or lie outside the text")
        end = unit.end
    if not all(words(normal)):
        raise ViolationError("an empty word")


def _forget(phone: Phone, word: str) -> None:
    try:
        phone.forget_word(word)
    except PhoneError:
        raise ViolationError("a learned word cannot be forgotten") from None
    if any(learned.word == word for learned in phone.learned_words(None)):
        raise ViolationError("a forgotten word is among the learned words")
    if any(suggestion.word == word for suggestion in phone.predict("", word[:3], k=20)):
        raise ViolationError("a forgotten word is suggested")
