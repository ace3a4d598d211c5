"""Users' texts as word numbers, and the share of each user's typing outside a shared vocabulary.

The corpus is read one client at a time; only word numbers are kept in memory, not the texts.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federated.corpus.store import Corpus
from keyboard_model.batching import split_by_time
from keyboard_model.text.tokenizer import Tokenizer
from keyboard_model.text.units import words

Numbers = npt.NDArray[np.int64]


class HeterogeneityError(ValueError):
    """The heterogeneity of these users cannot be measured; the message says why and what to do."""


@dataclass(frozen=True)
class UserText:
    """The training part of one user's messages.

    Attributes:
        user_id: The user's id.
        messages: Number of messages, including those without a word.
        words: `[words]` the words in the order typed, as indices into `UserTexts.vocabulary`.
        lengths: `[messages with a word]` number of words in each message, in order.
    """

    user_id: str
    messages: int
    words: Numbers
    lengths: Numbers

    def shuffled(self, rng: np.random.Generator) -> Numbers:
        """Returns the words with the messages in random order; the words of a message stay together. `[words]`"""
        ends = np.cumsum(self.lengths)
        order = rng.permutation(len(self.lengths))
        lengths = self.lengths[order]
        shift = (ends - self.lengths)[order] - (np.cumsum(lengths) - lengths)
        return self.words[np.repeat(shift, lengths) + np.arange(len(self.words))]


@dataclass(frozen=True)
class UserTexts:
    """The measured users, in the corpus's order, and the vocabulary of all words that they typed."""

    users: tuple[UserText, ...]
    vocabulary: tuple[str, ...]

    def counts(self, user: UserText) -> Numbers:
        """Returns how often `user` typed each word of the vocabulary. `[vocabulary]`"""
        return np.bincount(user.words, minlength=len(self.vocabulary))


def read_user_texts(
    corpus: Corpus,
    *,
    max_users: int,
    train_share: float,
    seed: int,
    on_users: Callable[[int, int], None] | None = None,
) -> UserTexts:
    """Reads the part of each user's messages that a method may learn from.

    The test part is not read: a recommendation based on it would be judged on its own training data.

    Args:
        max_users: If the corpus has more users, this many are drawn at random.
        train_share: Share of a user's messages to read, from the first on.
        seed: Decides which users are drawn.
        on_users: Called with the number of users read so far, and the number to read.

    Raises:
        HeterogeneityError: fewer than two users typed a word.
        CorpusError: see `Corpus`.
    """
    drawn = _drawn(corpus.num_users, max_users, seed)
    chosen = [user_id for number, user_id in enumerate(corpus.user_ids()) if number in drawn]
    numbers: dict[str, int] = {}
    users = []
    for done, user_id in enumerate(chosen, 1):
        texts, _ = split_by_time([message.text for message in corpus.messages(user_id)], train_share)
        users.append(_user_text(user_id, texts, numbers))
        if on_users:
            on_users(done, len(chosen))
    typing = sum(len(user.words) > 0 for user in users)
    if typing < 2:
        raise HeterogeneityError(
            f"{corpus.path}: {typing} of {len(users)} users typed a word, and a comparison needs two: "
            "import the messages of more people"
        )
    return UserTexts(tuple(users), tuple(numbers))


def _drawn(population: int, most: int, seed: int) -> Container[int]:
    if population <= most:
        return range(population)
    return set(np.random.default_rng(seed).choice(population, most, replace=False).tolist())


def _user_text(user_id: str, texts: list[str], numbers: dict[str, int]) -> UserText:
    typed = [found for text in texts if (found := words(text))]
    flat = [numbers.setdefault(word, len(numbers)) for message in typed for word in message]
    lengths = [len(message) for message in typed]
    return UserText(user_id, len(texts), np.array(flat, np.int64), np.array(lengths, np.int64))


OTHERS = 2
"""A word is shared if at least this many *other* users typed it: a vocabulary built without this user has it."""


def share_outside_vocabulary(user_texts: UserTexts) -> list[float | None]:
    """Returns, for each user, the share of typed words that fewer than `OTHERS` other users typed.

    None for a user without words, and for every user if there are fewer than `OTHERS` others with words.
    """
    if sum(len(user.words) > 0 for user in user_texts.users) <= OTHERS:
        return [None] * len(user_texts.users)
    typists = np.zeros(len(user_texts.vocabulary), np.int64)
    for user in user_texts.users:
        typists[np.unique(user.words)] += 1
    # The user is one of the typists of each of their words.
    return [float(np.mean(typists[user.words] - 1 < OTHERS)) if len(user.words) else None for user in user_texts.users]


def outside_tokenizer(user_texts: UserTexts, tokenizer: Tokenizer) -> list[float | None]:
    """Returns, for each user, the share of typed words that are no single piece of `tokenizer`; None without words."""
    whole = set(tokenizer.single_piece_words.values())
    outside = np.array([word not in whole for word in user_texts.vocabulary])
    return [float(np.mean(outside[user.words])) if len(user.words) else None for user in user_texts.users]
