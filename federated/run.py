"""The folder of a training run: its files, and the lock that lets one process at a time write them."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.job import Job
from federated.model_file import ModelFileError, read_parameters, write_parameters
from federated.privacy.ledger import Ledger
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.ngram.table import NgramError, NgramTable
from keyboard_model.storage.durable_files import atomic_write
from keyboard_model.storage.file_lock import exclusive_lock
from keyboard_model.text.tokenizer import Tokenizer


class RunError(ValueError):
    """A run folder cannot be used as requested; the message says why and what to do."""


@dataclass(frozen=True)
class TrainingResult:
    """How a training run ended: the content of `summary.json`.

    Attributes:
        rounds: Rounds done.
        best_round: The round with the best recall; 0 if no validation took place.
        best_recall: recall@3 on the validation clients in that round; None if no validation took place.
        stopped_by: `rounds`, `patience`, `minutes`, `max_turns`, or the reason of a user's callback.
        broken_clients: Clients left out; a client counts once for each round that left it out.
        seconds: Seconds of training in the whole run.
        tokens_per_second: Pieces trained per second in the rounds of the last session.
        participants: Clients that were drawn for at least one round.
        most_turns: Most rounds for which one client was drawn.
    """

    rounds: int
    best_round: int
    best_recall: float | None
    stopped_by: str
    broken_clients: int
    seconds: float
    tokens_per_second: float
    participants: int = 0
    most_turns: int = 0


@dataclass(frozen=True)
class Run:
    """A run by the path of its folder; nothing is read until a method is called.

    Files: `job.json`, `corpus.json` (which corpus), `tokenizer.model`, `state/` (TFF's program states),
    `best.safetensors`, `last.safetensors`, `ngram.safetensors`, `rounds.csv`, `tensorboard/`, `summary.json`. While
    words or n-grams are counted: `word_count.npz` or `ngram_sums/`. Of a private training:
    `privacy/` (`federated.privacy.ledger`). Of a training from a base: `initial.safetensors`,
    `initial_ngram.safetensors`, `base.json`.

    The methods that read raise RunError if their file is missing or damaged.
    """

    path: Path

    @property
    def states(self) -> Path:
        return self.path / "state"

    @property
    def word_count(self) -> Path:
        return self.path / "word_count.npz"

    @property
    def ngram_sums(self) -> Path:
        return self.path / "ngram_sums"

    @property
    def rounds(self) -> Path:
        return self.path / "rounds.csv"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the run for this process, for the length of the block.

        Raises:
            RunError: another process has locked it, or the folder cannot be written.
        """
        taken = f"another process is training in {self.path}: wait for it or choose another --run"
        with exclusive_lock(self.path, ".lock", RunError, taken):
            yield

    def exists(self) -> bool:
        """Returns whether a training was started in the folder."""
        return (self.path / "job.json").exists()

    def write_json(self, name: str, content: object) -> None:
        atomic_write(self.path / name, json.dumps(content, indent=2, sort_keys=True).encode() + b"\n")

    def result(self) -> TrainingResult:
        """Returns how the training ended.

        Raises:
            RunError: it has not ended.
        """
        return TrainingResult(**self.read_json("summary.json"))

    def read_rounds(self) -> list[dict[str, str]]:
        """Returns the rows of `rounds.csv`, which `RoundFiles` writes; "nan" stands for a figure without a value."""
        with self.rounds.open(newline="") as file:
            return list(csv.DictReader(file))

    def read_json(self, name: str) -> dict:
        try:
            return json.loads((self.path / name).read_text())
        except FileNotFoundError as error:
            raise RunError(
                f"{self.path} does not contain a finished training run ({name} is missing): run `thumbprint train`"
            ) from error
        except ValueError as error:
            raise RunError(f"{self.path / name} is damaged: {error}") from error

    def job(self) -> Job:
        content = self.read_json("job.json")
        try:
            return Job.model_validate(content)
        except ValidationError as error:
            where = ", ".join(".".join(map(str, fault["loc"])) or "the whole file" for fault in error.errors())
            raise RunError(f"{self.path / 'job.json'} is damaged, or from another version: {where}") from error

    def clients(self, corpus: Corpus) -> FederatedData:
        """Returns the clients of the run's corpus, split as the job says."""
        job = self.job()
        return FederatedData.of(corpus, job.data, job.seed)

    def ledger(self) -> Ledger | None:
        """Returns the ledger of a private training; None for another one.

        Raises:
            LedgerError: it is missing or damaged.
        """
        return Ledger(self.path) if self.job().privacy else None

    def has_tokenizer(self) -> bool:
        return (self.path / "tokenizer.model").exists()

    def write_tokenizer(self, tokenizer: Tokenizer) -> None:
        atomic_write(self.path / "tokenizer.model", tokenizer.model)

    def tokenizer(self) -> Tokenizer:
        try:
            return Tokenizer((self.path / "tokenizer.model").read_bytes())
        except FileNotFoundError as error:
            raise RunError(f"{self.path} has no tokenizer yet: run `thumbprint train`") from error

    def write_parameters(self, name: str, parameters: Parameters, **about: str) -> None:
        write_parameters(self.path / f"{name}.safetensors", parameters, about)

    def parameters(self, name: str = "best") -> Parameters:
        """Returns the shared model of the `"best"` round or of the `"last"` one."""
        try:
            return read_parameters(self.path / f"{name}.safetensors")
        except FileNotFoundError as error:
            raise RunError(f"{self.path} has no trained model yet: run `thumbprint train`") from error
        except ModelFileError as error:
            raise RunError(str(error)) from error

    def model_digest(self) -> str:
        """Returns the SHA-256 of the file of the best model.

        Raises:
            RunError: the run is not finished.
        """
        path = self.path / "best.safetensors"
        if not path.exists():
            raise RunError(f"{self.path} has no model yet: run `thumbprint train --resume`")
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def has_base(self) -> bool:
        """Whether the training starts from a base. With the vocabulary, it has the parameters `"initial"` from it."""
        return (self.path / "base.json").exists()

    def has_ngram(self) -> bool:
        return (self.path / "ngram.safetensors").exists()

    def write_ngram(self, table: NgramTable, name: str = "ngram") -> None:
        atomic_write(self.path / f"{name}.safetensors", table.to_bytes())

    def ngram(self, name: str = "ngram") -> NgramTable:
        """Returns the n-grams of the run, or of its base: `"initial_ngram"`."""
        path = self.path / f"{name}.safetensors"
        try:
            return NgramTable.from_bytes(path.read_bytes())
        except FileNotFoundError as error:
            raise RunError(
                f"{self.path} has no n-grams yet: run `thumbprint train --resume` with a weight in the job's [ngram]"
            ) from error
        except NgramError as error:
            raise RunError(f"{path} is damaged: {error}; delete it and run `thumbprint train --resume`") from error


@contextlib.contextmanager
def open_clients(folder: Run, corpus: Path | None = None) -> Iterator[FederatedData]:
    """Opens the corpus of a run, with the users split as in the training.

    Args:
        folder: The run.
        corpus: The corpus file; None for its path at the time of the training.

    Raises:
        RunError: the file is not the corpus of this run.
        CorpusError: the corpus cannot be read.
    """
    about = folder.read_json("corpus.json")
    with Corpus.open(corpus or Path(about["path"])) as opened:
        if opened.corpus_id != about["corpus_id"]:
            raise RunError(
                f"{opened.path} is not the corpus that {folder.path} was trained on, so it is unknown which of its "
                "users took part in the training: give the original corpus with --corpus, or use `thumbprint simulate`"
            )
        yield folder.clients(opened)
