"""A word trigram estimated by KenLM: the baseline that the shared model has to beat.

Heafield, Pouzyrevsky, Clark and Koehn (2013), "Scalable Modified Kneser-Ney Language Model Estimation". KenLM's
`lmplz` estimates the model; `make kenlm` builds it. This module writes its training text and reads the model that
it prints, so the estimate does not depend on our own n-gram code.

The trigram reads the same units as the neural model: words, marks and placeholders. All of them are context, but only
words are suggested.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from heapq import nsmallest
from pathlib import Path
from typing import Protocol, Self

from keyboard_model.text.units import MARKS, PLACEHOLDER, Kind, units

ROOT = Path(__file__).parents[2]
LMPLZ = ROOT / ".cache" / "kenlm" / "lmplz"
ORDER = 3
BEGIN = "<s>"
NOT_WORDS = {*MARKS, PLACEHOLDER, BEGIN, "</s>", "<unk>"}

Ngram = tuple[str, ...]


def require_lmplz(lmplz: Path = LMPLZ) -> None:
    """Checks that KenLM's estimator has been built.

    Raises:
        SystemExit: it has not.
    """
    if not lmplz.exists():
        raise SystemExit(f"the n-gram baseline needs KenLM's lmplz, and {lmplz} does not exist: run `make kenlm`")


class KenlmTrigram:
    """A backoff model in KenLM's estimate (Chen and Goodman 1999, "modified Kneser-Ney", interpolated).

    >>> model = KenlmTrigram.parse('''
    ... \\\\1-grams:
    ... -0.8\\tyou\\t-0.5
    ... -0.4\\tsee\\t-0.1
    ... \\\\2-grams:
    ... -0.2\\tsee you
    ... \\\\end\\\\'''.splitlines())
    >>> model.suggest(["<s>", "see"], 2)
    ['you', 'see']
    """

    def __init__(self, log10: dict[Ngram, float], backoff: dict[Ngram, float]) -> None:
        """Takes the log10 probability of each n-gram's last word, and the log10 backoff weight of each context."""
        self._log10, self._backoff = log10, backoff
        self._followers: defaultdict[Ngram, list[str]] = defaultdict(list)
        for ngram in log10:
            if ngram[-1] not in NOT_WORDS:
                self._followers[ngram[:-1]].append(ngram[-1])
        self._by_unigram = sorted(self._followers[()], key=lambda word: -log10[word,])
        self._suggested: dict[tuple[Ngram, int], list[str]] = {}

    @classmethod
    def train(cls, messages: Iterable[str], lmplz: Path = LMPLZ) -> Self:
        """Estimates a trigram from `messages`.

        Raises:
            SystemExit: `lmplz` has not been built, or it failed.
        """
        require_lmplz(lmplz)
        text = "".join(f"{line}\n" for line in map(sentence, messages) if line)
        with tempfile.TemporaryDirectory() as scratch:
            # Corpora of a few messages have n-grams of no count 1 to 4, which the discounts are computed from.
            command = [str(lmplz), "-o", str(ORDER), "-S", "256M", "-T", scratch, "--discount_fallback"]
            done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise SystemExit(f"lmplz failed with code {done.returncode}: {done.stderr.strip()[-500:]}")
        return cls.parse(done.stdout.split("\n"))

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        """Reads a model in ARPA format: `log10 probability, n-gram[, log10 backoff weight]`, separated by tabs."""
        log10: dict[Ngram, float] = {}
        backoff: dict[Ngram, float] = {}
        for line in lines:
            if "\t" in line:
                probability, words, *weight = line.split("\t")
                ngram = tuple(words.split(" "))
                log10[ngram] = float(probability)
                backoff[ngram] = float(weight[0]) if weight else 0.0
        return cls(log10, backoff)

    def log10_probability(self, context: Sequence[str], word: str) -> float:
        """Returns log10 P(word | the last two units of `context`); `word` must be in the training text."""
        ngram, total = (*context[1 - ORDER :], word), 0.0
        while ngram not in self._log10:
            total += self._backoff.get(ngram[:-1], 0.0)
            ngram = ngram[1:]
        return total + self._log10[ngram]

    def suggest(self, context: Sequence[str], k: int) -> list[str]:
        """Returns the `k` likeliest words; of equally likely words, the first in alphabetical order."""
        history = tuple(context[1 - ORDER :])
        if (history, k) not in self._suggested:
            seen = {word for start in range(len(history)) for word in self._followers.get(history[start:], ())}
            # Words unseen after the context share one backoff weight, so they keep their unigram order.
            unseen = (word for word in self._by_unigram if word not in seen)
            candidates = [*seen, *(word for word, _ in zip(unseen, range(k), strict=False))]
            self._suggested[history, k] = nsmallest(
                k, candidates, key=lambda word: (-self.log10_probability(history, word), word)
            )
        return self._suggested[history, k]


def sentence(message: str) -> str:
    """Returns a message's units as a line of training text.

    >>> sentence("See you at <TIME>, ok?")
    'see you at <#> , ok ?'
    """
    return " ".join(unit.text for unit in units(message))


class WordModel(Protocol):
    """A model that suggests words."""

    def suggest(self, context: Sequence[str], k: int) -> list[str]:
        """Returns the `k` likeliest words after the units of `context`."""
        ...


def recall(model: WordModel, messages: Iterable[str]) -> tuple[int, int, int]:
    """Returns (words, hits at 1, hits at 3) over the words of `messages`."""
    words = first = third = 0
    for message in messages:
        context = [BEGIN]
        for unit in units(message):
            if unit.kind is Kind.WORD:
                suggestions = model.suggest(context, 3)
                words += 1
                first += suggestions[:1] == [unit.text]
                third += unit.text in suggestions
            context.append(unit.text)
    return words, first, third
