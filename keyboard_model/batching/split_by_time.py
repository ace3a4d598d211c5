"""One user's messages split by time: the first part to learn from, the last part to test on.

Wang et al. 2019 (arXiv:1910.10252) split each user's messages this way, 80 % and 20 %. Training and the simulated
phones share the function, so that both give the same user the same test part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def split_by_time(messages: Sequence[T], train_share: float) -> tuple[list[T], list[T]]:
    """Splits messages, given in time order, into (training part, test part).

    The training part has floor(train_share · n) messages, but at least one if there is any: a single message is
    history to learn from, and leaves nothing to test.

    >>> split_by_time(["oldest", "older", "old", "new", "newest"], 0.8)
    (['oldest', 'older', 'old', 'new'], ['newest'])

    Raises:
        ValueError: `train_share` is not from 0 to 1.
    """
    if not 0 <= train_share <= 1:
        raise ValueError(f"train_share is {train_share}: it must be a share from 0 to 1")
    # 0.29 * 100 is 28.999999999999996: the small addition keeps such a product from losing a message.
    cut = max(1, math.floor(train_share * len(messages) + 1e-9))
    return list(messages[:cut]), list(messages[cut:])
