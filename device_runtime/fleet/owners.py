"""Whose phone each is: a corpus's users, dealt out to a population of any size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device_runtime.fleet.draws import Draw, generator


def deal(users: int, population: int, seed: int) -> npt.NDArray[np.int64]:
    """Returns the number of each phone's user, `[population]`, every user before any comes a second time.

    Phones of one user type the same; all else about them is drawn anew. So a population larger than the corpus
    says nothing of more people than the corpus has.
    """
    rng = generator(seed, Draw.OWNERS)
    rounds = -(-population // users)
    dealt: npt.NDArray[np.int64] = np.concatenate([rng.permutation(users) for _ in range(rounds)])
    return dealt[:population]
