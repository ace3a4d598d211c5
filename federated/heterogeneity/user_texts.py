"""What users wrote, as numbers: a corpus read a client at a time, its texts forgotten as they are read.

Words that are a user's alone: the share of their typing outside what users share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federated.corpus.splits import split_messages
from federated.corpus.store import Corpus
from keyboard_model.text.tokenizer import Tokenizer
from keyboard_model.text.units import words

Numbers = npt.NDArray[np.int64]


class HeterogeneityError(ValueError):
    """How these users differ cannot be measured; the message says why and what to do."""


@dataclass(frozen=True)
class UserText:
    """One user's learning part.

    Attributes:
        user_id: Who.
        messages: How many, those without a word included.
        words: `[words]` which words, in the order typed, as numbers into the population's list.
        lengths: `[messages that hold a word]` words of each, in order.
    """

    user_id: str
    messages: int
    words: Numbers
    lengths: Numbers

    def shuffled(self, rng: np.random.Generator) -> Numbers:
        """Returns the words with whole messages in random order: what is said together stays together. `[words]`"""
        ends = np.cumsum(self.lengths)
        order = rng.permutation(len(self.lengths))
        lengths = self.lengths[order]
        shift = (ends - self.lengths)[order] - (np.cumsum(lengths) - lengths)
        return self.words[np.repeat(shift, lengths) + np.arange(len(self.words))]


@dataclass(frozen=True)
class UserTexts:
    """The users measured, in the corpus's order, and every word that one of them typed."""

    users: tuple[UserText, ...]
    vocabulary: tuple[str, ...]

    def counts(self, writer: UserText) -> Numbers:
        """Returns how often `writer` typed each word. `[vocabulary]`"""
        return np.bincount(writer.words, minlength=len(self.vocabulary))


def read_user_texts(
    corpus: Corpus,
    *,
    max_users: int,
    train_share: float,
    seed: int,
    on_users: Callable[[int, int], None] | None = None,
) -> UserTexts:
    """Reads the part of each user's messages that a method may learn from.

    The test part stays unread: advice that had seen it would be judged on what it was made of.

    Args:
        max_users: So many users are drawn where the corpus has more.
        train_share: The first so many of a user's messages.
        seed: Another seed draws other users.
        on_users: Called with how many users are read, and of how many.

    Raises:
        HeterogeneityError: fewer than two users typed a word.
        CorpusError: see `Corpus`.
    """
    chosen = _drawn(corpus.num_users, max_users, seed)
    numbers: dict[str, int] = {}
    users = []
    for done, index in enumerate(chosen, 1):
        user_id = corpus.user_at(index)
        texts, _ = split_messages([message.text for message in corpus.messages(user_id)], train_share)
        users.append(_writer(user_id, texts, numbers))
        if on_users:
            on_users(done, len(chosen))
    typing = sum(len(user.words) > 0 for user in users)
    if typing < 2:
        raise HeterogeneityError(
            f"{corpus.path}: {typing} of {len(users)} users typed a word, and how users differ takes two: "
            "import the messages of more people"
        )
    return UserTexts(tuple(users), tuple(numbers))


def _drawn(population: int, most: int, seed: int) -> list[int]:
    if population <= most:
        return list(range(population))
    return sorted(np.random.default_rng(seed).choice(population, most, replace=False).tolist())


def _writer(user_id: str, texts: list[str], numbers: dict[str, int]) -> UserText:
    typed = [found for text in texts if (found := words(text))]
    flat = [numbers.setdefault(word, len(numbers)) for message in typed for word in message]
    lengths = [len(message) for message in typed]
    return UserText(user_id, len(texts), np.array(flat, np.int64), np.array(lengths, np.int64))


OTHERS = 2
"""A word is shared when at least so many *other* users typed it, as a vocabulary made without this user has it."""


def share_outside_vocabulary(writers: UserTexts) -> list[float | None]:
    """Returns each user's share of words typed that fewer than `OTHERS` others typed.

    None for who typed nothing, and for all where there are not so many others.
    """
    if sum(len(user.words) > 0 for user in writers.users) <= OTHERS:
        return [None] * len(writers.users)
    typists = np.zeros(len(writers.vocabulary), np.int64)
    for user in writers.users:
        typists[np.unique(user.words)] += 1
    # One typist of each of a user's words is the user.
    return [float(np.mean(typists[user.words] - 1 < OTHERS)) if len(user.words) else None for user in writers.users]


def outside_tokenizer(writers: UserTexts, tokenizer: Tokenizer) -> list[float | None]:
    """Returns each user's share of words typed that `tokenizer` has no single piece for; None for who typed none."""
    whole = set(tokenizer.single_piece_words.values())
    outside = np.array([word not in whole for word in writers.vocabulary])
    return [float(np.mean(outside[user.words])) if len(user.words) else None for user in writers.users]
