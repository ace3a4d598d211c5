"""The users of a corpus as federated clients: the split of users, and their messages.

Users are split by a keyed hash of their ids. Training never sees the new phones (Wang et al. 2019, arXiv:1910.10252).
The messages of a user are split as in `keyboard_model.batching.split_by_time`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from federated.corpus.schema import CorpusError
from federated.corpus.store import Corpus, MaskedTexts
from federated.job import DataConfig
from keyboard_model.batching import split_by_time

EXACT_USERS = 10_000
"""Up to so many users, the sizes of the roles are exact. Above, they are binomial: their share is within 0.4 points."""

_CHUNK = 10_000
_TRAINING, _VALIDATION, _NEW_PHONE = range(3)


Users = TypeVar("Users", bound=Sequence[str])


@dataclass(frozen=True)
class Population(Generic[Users]):
    """The users of a corpus by role. Each user has one role; the users of a role are sorted by id.

    Attributes:
        training: Clients of federated training.
        validation: Clients on whom validation measures recall; they contribute no update.
        new_phones: Users that training never sees.
    """

    training: Users
    validation: Users
    new_phones: Users


class CorpusUsers(Sequence[str]):
    """Some users of a corpus. A user takes 4 bytes: the id is read from the corpus when it is needed."""

    def __init__(self, corpus: Corpus, numbers: npt.NDArray[np.int32]) -> None:
        """`numbers`: `[n]` numbers of users in the corpus."""
        self._corpus, self.numbers = corpus, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> CorpusUsers: ...
    def __getitem__(self, index: int | slice) -> str | CorpusUsers:
        if isinstance(index, slice):
            return CorpusUsers(self._corpus, self.numbers[index])
        return next(self._corpus.user_ids_at(self.numbers[[index]]))

    def __iter__(self) -> Iterator[str]:
        return self._corpus.user_ids_at(self.numbers)

    def at(self, positions: npt.NDArray[np.int64]) -> CorpusUsers:
        """Returns the users at these positions, in their order."""
        return CorpusUsers(self._corpus, self.numbers[positions])

    def sample(self, most: int, seed: int) -> CorpusUsers:
        """Returns so many users, drawn at random, in the order of their ids; all of them if there are fewer."""
        drawn = np.random.default_rng(seed).choice(len(self), min(most, len(self)), replace=False)
        return self.at(np.sort(drawn))

    @property
    def message_counts(self) -> npt.NDArray[np.int32]:
        """`[n]` the number of messages of each; they are read once for the whole corpus."""
        return self._corpus.message_counts[self.numbers]

    def with_messages(self, least: int) -> CorpusUsers:
        """Returns those who have at least `least` messages."""
        return CorpusUsers(self._corpus, self.numbers[self.message_counts >= least])


def split_users(
    user_ids: Iterable[str],
    *,
    new_phone_share: float = 0.2,
    validation_share: float = 0.1,
    fold: int = 0,
    seed: int = 0,
) -> Population[tuple[str, ...]]:
    """Splits users by role. The result depends on the set of ids and the settings, not on the order of the ids.

    A keyed hash of its id gives each user a place on a ring. The new phones are those on an arc that begins at
    `fold`·`new_phone_share` of the ring, the validation users those on the arc after it. So the role of a user depends
    on nothing but its id and the settings, a new user changes nobody's role, and the folds make each user a new phone
    at most once. Up to `EXACT_USERS` users, the place of a user is its rank among the hashes instead: small corpora
    then get exactly the shares that they ask for.

    Args:
        user_ids: All users of the corpus.
        new_phone_share: Share of all users that are held out as new phones; up to `EXACT_USERS`, the number is rounded.
        validation_share: Share of the other users that are held out for validation; the number is rounded likewise.
        fold: Which part of the users are the new phones.
        seed: Each seed gives a different split.

    Raises:
        CorpusError: a share is not between 0 and 1.

    >>> split_users(["ann", "bob", "cem", "dan", "eve"], new_phone_share=0.4, validation_share=0.3)
    Population(training=('cem', 'dan'), validation=('eve',), new_phones=('ann', 'bob'))
    """
    ids = sorted(set(user_ids))
    numbers = _numbers_by_role(ids, len(ids), new_phone_share, validation_share, fold, seed)
    training, validation, new_phones = (tuple(ids[number] for number in role) for role in numbers)
    return Population(training, validation, new_phones)


def _numbers_by_role(
    user_ids: Iterable[str], users: int, new_share: float, validation_share: float, fold: int, seed: int
) -> list[npt.NDArray[np.int32]]:
    """Returns the numbers of the users of each role; the first of the `user_ids` has number 0. Ids are not kept."""
    _check_share("new_phone_share", new_share)
    _check_share("validation_share", validation_share)
    hashes = (_hash(seed, user_id) for user_id in user_ids)
    if users <= EXACT_USERS:
        known = list(hashes)
        users = len(known)
        ranks = np.empty(users, np.int64)
        ranks[sorted(range(users), key=known.__getitem__)] = np.arange(users)
        first, end = (_rounded(users * new_share * edge) for edge in (fold, fold + 1))
        of_all = _roles(ranks, users, first, end, _rounded((users - (end - first)) * validation_share))
    else:
        chunks = iter(lambda: b"".join(digest[:8] for digest in islice(hashes, _CHUNK)), b"")
        places = ((np.frombuffer(chunk, ">u8") >> np.uint64(16)) / 2.0**48 for chunk in chunks)  # exact in a float
        arc = new_share * fold, new_share * (fold + 1), (1 - new_share) * validation_share
        of_all = np.concatenate([np.empty(0, np.uint8), *(_roles(place, 1.0, *arc) for place in places)])
    return [np.flatnonzero(of_all == role).astype(np.int32) for role in (_TRAINING, _VALIDATION, _NEW_PHONE)]


def _roles(
    places: npt.NDArray[Any], around: float, first: float, end: float, validation: float
) -> npt.NDArray[np.uint8]:
    """Returns the roles of users by their places on a ring.

    Args:
        places: `[n]` the places.
        around: Length of the ring.
        first: Where the arc of the new phones begins.
        end: Where it ends, and where the arc of the validation users begins.
        validation: Length of that arc.
    """
    return np.select(
        [(first <= places) & (places < end), (places - end) % max(around, 1) < validation],
        [np.uint8(_NEW_PHONE), np.uint8(_VALIDATION)],
        np.uint8(_TRAINING),
    )


def _hash(seed: int, user_id: str) -> bytes:
    return hashlib.blake2b(user_id.encode(), key=str(seed).encode(), digest_size=16).digest()


def _rounded(exact: float) -> int:
    return math.floor(exact + 0.5)


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise CorpusError(f"{name} is {share}: it must be a share from 0 to 1")


@dataclass(frozen=True)
class FederatedData:
    """Reads the messages of a corpus, one client at a time. Training never calls `test_messages`.

    Attributes:
        corpus: The corpus; it must be open.
        population: Its users by role.
        train_share: Share of each user's messages, the oldest ones, for training; the newest ones are for tests.
        max_messages: Most messages of a user that training reads.
    """

    corpus: Corpus
    population: Population[CorpusUsers]
    train_share: float
    max_messages: int

    @classmethod
    def of(cls, corpus: Corpus, data: DataConfig, seed: int) -> FederatedData:
        """Splits the users of the corpus as the job says.

        Args:
            corpus: An open corpus.
            data: The job's section `[data]`.
            seed: The job's seed.

        Raises:
            CorpusError: the corpus cannot be read.
        """
        numbers = _numbers_by_role(
            corpus.user_ids(), corpus.num_users, data.new_phone_share, data.validation_share, data.fold, seed
        )
        population = Population(*(CorpusUsers(corpus, role) for role in numbers))
        return cls(corpus, population, data.train_share, data.max_messages)

    def training_messages(self, client: str) -> Sequence[str]:
        """Returns the texts that a client learns from, oldest first; the newest ones if there are too many."""
        return self._split(client)[0][-self.max_messages :]

    def test_messages(self, client: str) -> Sequence[str]:
        """Returns the texts that a client is tested on, oldest first."""
        return self._split(client)[1]

    def all_training_messages(self) -> Iterator[Sequence[str]]:
        """Yields the training messages of each training client."""
        for client in self.population.training:
            yield self.training_messages(client)

    @property
    def training_sizes(self) -> npt.NDArray[np.float64]:
        """`[clients]` the number of messages of each training client, at most `max_messages`. No message is read."""
        return np.minimum(self.population.training.message_counts, float(self.max_messages))

    def _split(self, client: str) -> tuple[MaskedTexts, MaskedTexts]:
        texts = self.corpus.texts(client)
        cut = len(split_by_time(range(len(texts)), self.train_share)[0])
        return texts[:cut], texts[cut:]
