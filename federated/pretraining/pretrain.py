"""Makes a base of public text: vocabulary, model and n-grams, in one folder. An interrupted pre-training continues."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from federated.base import ABOUT, MODEL, NGRAM, TOKENIZER, Base, BaseError
from federated.model_file import write_parameters
from federated.pretraining.central_training import TrainingProgress, train_on_text
from federated.pretraining.encoded_text import EncodedText
from federated.pretraining.ngrams import ngrams_of
from federated.pretraining.public_text import PublicText, is_held_out
from federated.pretraining.settings import Pretraining
from federated.pretraining.validation import validate
from federated.pretraining.vocabulary import joined_counts
from federated.training.word_list import read_word_list
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.storage.durable_files import atomic_write, erase
from keyboard_model.storage.file_lock import exclusive_lock
from keyboard_model.text import tokenizer as tokenizers
from keyboard_model.text.tokenizer import Tokenizer
from keyboard_model.text.units import words

VALIDATION_LINES = 20_000
"""Most held-out lines on which a base is measured."""
_STARTED, _CHECKPOINT, _SUMS = "started.json", "checkpoint.npz", "ngram_sums"


def pretrain(
    texts: Sequence[Path],
    out: Path,
    settings: Pretraining = Pretraining(),  # noqa: B008 (a frozen value)
    *,
    word_list: Path | None = None,
    resume: bool = False,
    on_stage: Callable[[str], None] = lambda stage: None,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
) -> Base:
    """Trains a base on public text.

    The vocabulary is made of the words of the text and, if it is given, of a list of words that users typed. So no
    text of a user is read.

    Args:
        texts: Files with a sentence or a paragraph in a line, plain or compressed.
        out: The folder of the base.
        settings: All settings.
        word_list: What `thumbprint words` wrote.
        resume: Continue the pre-training in the folder if there is one. Without `resume`, such a folder is refused.
        on_stage: Called with a description of each stage.
        on_progress: Called every few steps of the training.

    Raises:
        BaseError: there is no text, a file cannot be read, or the folder is in use or contains another pre-training.
        WordListError: the word list cannot be read.
        TokenizerError: the text has too few words for a vocabulary.
        OSError: the folder cannot be written.
    """
    text = PublicText(texts)
    listed = read_word_list(word_list) if word_list else {}
    started = settings.model_dump(mode="json") | {
        "text": text.digest(),
        "words": hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest() if listed else None,
    }
    base, identity = Base(out), json.dumps(started, sort_keys=True)
    taken = f"another process is training in {out}: wait for it or choose another --out"
    with exclusive_lock(out, ".lock", BaseError, taken):
        _start_or_resume(out, started, resume)
        if (out / ABOUT).exists():
            return base
        if not (out / TOKENIZER).exists():
            atomic_write(out / TOKENIZER, _train_tokenizer(text, listed, settings, on_stage).model)
        tokenizer = base.tokenizer()
        on_stage("reading the text")
        encoded, held_out = _read(text, tokenizer, settings)
        if not (out / MODEL).exists():
            on_stage("building the training graph")
            trained = _train(encoded, tokenizer, settings, out / _CHECKPOINT, identity, on_progress)
            write_parameters(out / MODEL, trained, int8=settings.model.int8)
        erase(out / _CHECKPOINT)
        if not (out / NGRAM).exists():
            on_stage("counting n-grams")
            table = ngrams_of(encoded, tokenizer, settings.ngram, out / _SUMS, identity)
            atomic_write(out / NGRAM, table.to_bytes())
        erase(out / _SUMS)
        on_stage("measuring on held-out lines")
        training = settings.training
        measured = validate(base.parameters(), tokenizer, held_out, batch=training.batch, window=training.window)
        about = started | {
            "files": [path.name for path in texts],
            "left_out": text.lost,
            "lines": len(encoded.starts) - 1,
            "pieces": len(encoded.pieces),
            "listed_words": len(listed),
            "validation": measured and measured._asdict(),
        }
        atomic_write(out / ABOUT, json.dumps(about, indent=2, ensure_ascii=False).encode())
    return base


def _start_or_resume(out: Path, started: Mapping[str, Any], resume: bool) -> None:
    path = out / _STARTED
    if not path.exists():
        atomic_write(path, json.dumps(started, indent=2).encode())
        return
    if not resume:
        raise BaseError(f"{out} already contains a base: continue it with --resume, or choose another --out")
    if json.loads(path.read_bytes()) != started:
        raise BaseError(
            f"{out} was started with other settings, text or words: resume it with those, or choose another --out"
        )


def _train_tokenizer(
    text: PublicText, listed: Mapping[str, int], settings: Pretraining, on_stage: Callable[[str], None]
) -> Tokenizer:
    on_stage("counting words")
    training = (line for line in text.lines() if not _is_held_out(line, settings))
    counts = Counter(word for line in training for word in words(line))
    return tokenizers.train(joined_counts(counts, listed, settings.vocabulary), settings.vocabulary.vocab_size)


def _read(text: PublicText, tokenizer: Tokenizer, settings: Pretraining) -> tuple[EncodedText, list[str]]:
    """Returns the encoded lines to train on, and lines that are held out."""
    held_out: list[str] = []

    def training_lines() -> Iterator[str]:
        for line in text.lines():
            if not _is_held_out(line, settings):
                yield line
            elif len(held_out) < VALIDATION_LINES:
                held_out.append(line)

    encoded = EncodedText.of(training_lines(), tokenizer)
    if not len(encoded.pieces):
        raise BaseError("the text has no words to train on: give other files")
    return encoded, held_out


def _is_held_out(line: str, settings: Pretraining) -> bool:
    return is_held_out(line, settings.training.validation_share, settings.seed)


def _train(
    encoded: EncodedText,
    tokenizer: Tokenizer,
    settings: Pretraining,
    checkpoint: Path,
    identity: str,
    on_progress: Callable[[TrainingProgress], None],
) -> Parameters:
    sizes = settings.model
    return train_on_text(
        encoded,
        cifg_lstm.init(len(tokenizer), sizes.embedding, sizes.cells, settings.seed),
        tokenizer,
        settings.training,
        seed=settings.seed,
        checkpoint=checkpoint,
        identity=identity,
        on_progress=on_progress,
    )
