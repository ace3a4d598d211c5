"""What the owner's own words say about their keyboard: whether its suggestions are worse than the shared model's.

When a phone suggests the next word, it remembers the words of both keyboards. When the owner has sent the message, a
word that exactly one of them showed is evidence (McNemar 1947). With g of the newest such words shown by the personal
keyboard alone and l by the shared one alone, and every share w of the personal keyboard equally likely before,

    P(w < 1/2 | g, l) = P(at least g + 1 of g + l + 1 fair coins show heads)

A phone falls back to the shared model when this reaches `FALL_BACK`, and returns below `RETURN`. It goes on comparing
meanwhile. What the database keeps is one bit for each word that decided, and no word.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from itertools import accumulate

from device_runtime.phone.database import PhoneDatabase
from keyboard_model.text.units import Kind, Unit

FALL_BACK, RETURN = 0.95, 0.5
NEWEST = 50
"""Deciding words that count; older ones are dropped, because owner, words and adapter change."""
SHOWN = 3
"""Suggestions of each keyboard that are compared."""
_MAX_CONTEXTS = 64

Context = int
"""A hash of the units of a message before a word: a message of n units has n of them in n steps, not in n²."""


class Evidence:
    """The comparison of both keyboards on one phone."""

    def __init__(self, database: PhoneDatabase) -> None:
        self._database = database
        self._lock = threading.Lock()  # guards what was shown
        self._shown: OrderedDict[Context, tuple[frozenset[str], frozenset[str]]] = OrderedDict()
        self._newest, self._fallen_back = self._stored()

    @property
    def fallen_back(self) -> bool:
        """Whether the phone suggests the shared model's words."""
        return self._fallen_back

    def remember(self, before: Sequence[Unit], personal: Sequence[str], shared: Sequence[str]) -> None:
        """Remembers what both keyboards suggest after `before`, best first."""
        with self._lock:
            self._shown[deque(_contexts(before), 1).pop()] = (frozenset(personal[:SHOWN]), frozenset(shared[:SHOWN]))
            if len(self._shown) > _MAX_CONTEXTS:
                self._shown.popitem(last=False)

    def judge(self, message: Sequence[Unit]) -> None:
        """Compares the words of a message that was sent with what was suggested. Stores the result.

        Raises:
            PhoneDatabaseError: it cannot be stored.
        """
        decided = self._decided(message)
        if not decided:
            return
        newest = (self._newest + decided)[-NEWEST:]
        worse = probability_worse(newest.count("1"), newest.count("0"))
        fallen_back = worse >= (RETURN if self._fallen_back else FALL_BACK)
        with self._database.transaction() as db:
            db.execute("INSERT OR REPLACE INTO evidence VALUES (1, ?, ?)", (newest, fallen_back))
        self._newest, self._fallen_back = newest, fallen_back

    def _decided(self, message: Sequence[Unit]) -> str:
        """Returns "1" for each word that only the personal keyboard showed, and "0" for one that only the other did."""
        decided = ""
        with self._lock:
            if not self._shown:
                return decided  # an import of many messages
            for unit, context in zip(message, _contexts(message), strict=False):
                if unit.kind is Kind.WORD and (keyboards := self._shown.pop(context, None)):
                    personal, shared = (unit.text in words for words in keyboards)
                    decided += str(int(personal)) if personal != shared else ""
        return decided

    def clear(self) -> None:
        """Forgets the comparison."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM evidence")

    def reread(self) -> None:
        """Reads the stored comparison, and forgets the suggestions that were not judged."""
        with self._lock:
            self._shown.clear()
        self._newest, self._fallen_back = self._stored()

    def _stored(self) -> tuple[str, bool]:
        rows = self._database.rows("SELECT newest, fallen_back FROM evidence")
        newest, fallen_back = rows[0] if rows else ("", False)
        return str(newest), bool(fallen_back)


def probability_worse(gained: int, lost: int) -> float:
    """Returns the probability that the personal keyboard is right less often than the shared one where they differ.

    >>> [round(probability_worse(*words), 3) for words in ((0, 0), (0, 4), (10, 10), (12, 4))]
    [0.5, 0.969, 0.5, 0.025]
    """
    coins = gained + lost + 1
    return float(sum(math.comb(coins, heads) for heads in range(gained + 1, coins + 1)) / 2**coins)


def _contexts(message: Sequence[Unit]) -> Iterator[Context]:
    """Yields the context before each unit, and that after the last one."""
    return accumulate((unit.text for unit in message), lambda before, text: hash((before, text)), initial=0)
