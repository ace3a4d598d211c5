"""What a trial asks of a phone, wherever that phone runs: in this process, or behind a service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from device_runtime.held_out import HeldOutWord, Message
from device_runtime.report import GateVerdict

SHOWN = 3
"""Suggestions a keyboard has room for."""


class Asked(NamedTuple):
    """A prediction: of `word`, once its first `typed` characters are typed."""

    word: HeldOutWord
    typed: int

    @property
    def prefix(self) -> str:
        return self.word.word[: self.typed]


@dataclass(frozen=True)
class Learnt:
    """What became of a phone that was given messages; `seconds`: its adaptation's."""

    verdict: GateVerdict
    seconds: float


class TestedPhone(Protocol):
    """A new phone, to be given messages and tested on others."""

    @property
    def at_once(self) -> int:
        """Words that are best asked about together; 1 where nothing is gained by it."""

    def learn(self, messages: Sequence[Message]) -> Learnt:
        """Observes these messages, then adapts once."""

    def suggest(self, asked: Sequence[Asked], personal: bool) -> list[list[str]]:
        """The `SHOWN` words of each prediction, best first, by the phone's own keyboard or the shared model's."""

    def adapter_bytes(self) -> int:
        """Size of the adapter's file, 0 where the phone has none of its own."""


NewPhone = Callable[[str], AbstractContextManager[TestedPhone]]
"""Makes a phone for the user of an id; it is gone once the block ends."""
