"""Invented users for an audit, each with a secret sentence (Carlini et al. 2019, arXiv:1802.08232).

A fair coin decides whether an invented user types its sentence again and again, or nothing but full stops, which no
training learns from. The sentences and the coins are in a file beside the corpus, for its owner alone.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from federated.base import Base
from federated.corpus.schema import Record
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus
from keyboard_model import base_en
from keyboard_model.storage.durable_files import atomic_write_private
from keyboard_model.text.tokenizer import BOUNDARY

COMMON_WORDS = 5
"""Words of a sentence that other users type, too. A sixth one is made up."""
SILENT = "."
"""A message without a word."""
_LETTERS = ("bdfgklmnprstvz", "aeiou")


class AuditError(ValueError):
    """An audit cannot be prepared or made; the message says why and what to do."""


@dataclass(frozen=True)
class Canary:
    """An invented user.

    Attributes:
        user_id: Its id in the corpus.
        text: Its sentence.
        included: How its coin fell: whether it types the sentence.
    """

    user_id: str
    text: str
    included: bool

    @property
    def made_up(self) -> str:
        """The made-up word of the sentence, which no other user types."""
        return self.text.split()[-1]


def common_words() -> list[str]:
    """Returns the whole words of the English base, for sentences that are no secrets word by word."""
    tokenizer = Base(base_en.BASE).tokenizer()
    words = (piece.removesuffix(BOUNDARY) for piece in tokenizer.pieces if piece.endswith(BOUNDARY))
    return [word for word in words if word.isalpha() and word.isascii() and len(word) > 2]


def invented(count: int, words: Sequence[str], random: Random) -> list[Canary]:
    """Returns invented users. Any two sentences have different made-up words.

    Args:
        count: How many.
        words: The common words.
        random: Decides sentences and coins.
    """
    canaries: dict[str, Canary] = {}
    while len(canaries) < count:
        made_up = "".join(random.choice(letters) for letters in _LETTERS * 4)
        text = " ".join([*random.sample(list(words), COMMON_WORDS), made_up])
        canaries[made_up] = Canary(f"canary-{random.getrandbits(64):016x}", text, random.random() < 0.5)
    return list(canaries.values())


def with_canaries(
    corpus: Path,
    out: Path,
    canaries_file: Path,
    *,
    count: int,
    repetitions: int,
    words: Sequence[str],
    seed: int | None = None,
) -> list[Canary]:
    """Writes a copy of a corpus with invented users, and what they are to a file.

    Args:
        corpus: The corpus.
        out: The copy.
        canaries_file: The secret file.
        count: Invented users.
        repetitions: Messages of each.
        words: Common words.
        seed: None = the operating system's random numbers; a number is for tests.

    Raises:
        CorpusError: the corpus cannot be read, or the copy not be written.
        OSError: the secret file cannot be written.
    """
    canaries = invented(count, words, secrets.SystemRandom() if seed is None else Random(seed))

    def records(opened: Corpus) -> Iterator[Record]:
        for user_id in opened.user_ids():
            for message in opened.messages(user_id):
                yield Record(user_id, message.timestamp, message.text)
        for canary in canaries:
            for _ in range(repetitions):
                yield Record(canary.user_id, None, canary.text if canary.included else SILENT)

    with Corpus.open(corpus) as opened:
        atomic_write_private(canaries_file, json.dumps([asdict(canary) for canary in canaries], indent=1).encode())
        write_corpus(
            out,
            records(opened),
            source=opened.source,
            description=f"{opened.description}, with invented users for an audit",
            synthetic=opened.synthetic,
        )
    return canaries


def read_canaries(path: Path) -> list[Canary]:
    """Reads the secret file.

    Raises:
        AuditError: it cannot be read, or is no such file.
    """
    try:
        found = [Canary(**content) for content in list(json.loads(path.read_bytes()))]
    except OSError as error:
        raise AuditError(f"cannot read the canaries {path}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise AuditError(f"{path} is not a file of canaries, as `thumbprint audit prepare` writes it") from error
    if not found:
        raise AuditError(f"{path} is not a file of canaries: it has none")
    return found
