"""Which users are held out, decided by a keyed hash of their ids.

Wang et al. 2019 (arXiv:1910.10252) hold out some users of whom training sees nothing. How one user's messages are
split is in `keyboard_model.batching.split_by_time`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

from federated.corpus.schema import CorpusError


@dataclass(frozen=True)
class Population:
    """The users of a corpus by role; each role is sorted by id, and no user has two.

    Attributes:
        training: Clients of federated training.
        validation: Clients whose loss decides early stopping; they contribute no update.
        new_phones: Users that training never sees.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    new_phones: tuple[str, ...]


def split_users(
    user_ids: Iterable[str], *, new_phone_share: float = 0.2, validation_share: float = 0.1, seed: int = 0
) -> Population:
    """Splits users; the result depends on the set of ids and the seed, not on their order.

    Args:
        user_ids: Every user of the corpus.
        new_phone_share: Share of all users (rounded to a whole number) held out as new phones.
        validation_share: Share of the others (rounded) held out for validation.
        seed: Another seed gives another split.

    Raises:
        CorpusError: a share is not between 0 and 1.
    """
    _check_share("new_phone_share", new_phone_share)
    _check_share("validation_share", validation_share)
    ranked = sorted(set(user_ids), key=lambda user_id: _rank(seed, user_id))
    new = _rounded(len(ranked) * new_phone_share)
    validation = _rounded((len(ranked) - new) * validation_share)
    return Population(
        training=tuple(sorted(ranked[new + validation :])),
        validation=tuple(sorted(ranked[new : new + validation])),
        new_phones=tuple(sorted(ranked[:new])),
    )


def _rank(seed: int, user_id: str) -> bytes:
    return hashlib.blake2b(user_id.encode(), key=str(seed).encode(), digest_size=16).digest()


def _rounded(exact: float) -> int:
    return math.floor(exact + 0.5)


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise CorpusError(f"{name} is {share}: it must be a share from 0 to 1")
