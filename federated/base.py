"""A base: a model pre-trained on public text, from which federated training can start.

`thumbprint pretrain` makes one (`federated.pretraining`). A base contains nothing of any user, except words that enough
of them typed if the pre-training was given a list of them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federated.model_file import ModelFileError, read_parameters
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.ngram.table import NgramError, NgramTable
from keyboard_model.text.tokenizer import Tokenizer, TokenizerError

ABOUT, TOKENIZER, MODEL, NGRAM = "base.json", "tokenizer.model", "model.safetensors", "ngram.safetensors"
FILES = (TOKENIZER, MODEL, NGRAM, ABOUT)
"""The files of a finished base; the last one says that it is finished."""


class BaseError(ValueError):
    """A base cannot be used or made as requested; the message says why and what to do."""


@dataclass(frozen=True)
class Base:
    """A base by the path of its folder; nothing is read until a method is called.

    Files: `base.json` (what it was made of, and its figures), `tokenizer.model`, `model.safetensors`,
    `ngram.safetensors`. The methods raise BaseError if their file is missing or damaged.
    """

    path: Path

    def exists(self) -> bool:
        """Whether the folder is that of a base. A run that started from one has a copy of its `base.json`."""
        return (self.path / ABOUT).exists() and not (self.path / "job.json").exists()

    def about(self) -> dict[str, Any]:
        """Returns `base.json`, which the pre-training writes last."""
        try:
            return dict(json.loads(self._read(ABOUT)))
        except ValueError as error:
            raise BaseError(f"{self.path / ABOUT} is damaged: {error}") from error

    def tokenizer(self) -> Tokenizer:
        try:
            return Tokenizer(self._read(TOKENIZER))
        except TokenizerError as error:
            raise BaseError(f"{self.path / TOKENIZER} is damaged: {error}") from error

    def parameters(self) -> Parameters:
        """Returns the weights, which have the vocabulary of the tokenizer."""
        try:
            parameters = read_parameters(self.path / MODEL)
        except (FileNotFoundError, ModelFileError) as error:
            raise BaseError(f"{self.path / MODEL} is missing or damaged: make the base anew") from error
        if len(parameters.embedding) != len(self.tokenizer()):
            raise BaseError(f"{self.path}: the weights are not those of the vocabulary: make the base anew")
        return parameters

    def ngram(self) -> NgramTable:
        """Returns the n-grams of the public text."""
        try:
            return NgramTable.from_bytes(self._read(NGRAM))
        except NgramError as error:
            raise BaseError(f"{self.path / NGRAM} is damaged: {error}") from error

    def digest(self) -> str:
        """Returns a digest of everything that a training starts with."""
        return hashlib.sha256(self._read(TOKENIZER) + self._read(MODEL)).hexdigest()

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError as error:
            raise BaseError(
                f"{self.path} is not a finished base ({name} is missing): make one with `thumbprint pretrain`"
            ) from error
        except OSError as error:
            raise BaseError(f"cannot read {self.path / name}: {error.strerror}") from error
