"""All that is counted from what the owner typed: their n-grams and their use of case."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from device_runtime.casing import Casing
from device_runtime.manifest import HistoryRecipe
from device_runtime.user_history import UserHistory
from keyboard_model.text import units


class Habits:
    """Counts of one owner; begins empty."""

    def __init__(self, recipe: HistoryRecipe, piece_of: Callable[[str], int]) -> None:
        self.history = UserHistory(recipe, piece_of)
        self.casing = Casing()

    def observe(self, messages: Iterable[str]) -> None:
        """Counts messages, in order."""
        for message in messages:
            found = units(message)
            self.history.observe(found)
            self.casing.observe(message, found)
