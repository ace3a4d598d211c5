"""What a trial asks of a phone, wherever that phone runs: in this process, or behind a service.

A phone of this process, as trials ask for one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from device_runtime.simulation.held_out import HeldOutWord, Message
from device_runtime.simulation.report import GateVerdict

SHOWN = 3
"""Suggestions a keyboard has room for."""


class PredictionQuery(NamedTuple):
    """A prediction: of `word`, once its first `typed` characters are typed."""

    word: HeldOutWord
    typed: int

    @property
    def prefix(self) -> str:
        return self.word.word[: self.typed]


@dataclass(frozen=True)
class AdaptationOutcome:
    """What became of a phone that was given messages; `seconds`: its adaptation's."""

    verdict: GateVerdict
    seconds: float


class Device(Protocol):
    """A new phone, to be given messages and tested on others."""

    @property
    def at_once(self) -> int:
        """Words that are best asked about together; 1 where nothing is gained by it."""

    def learn(self, messages: Sequence[Message]) -> AdaptationOutcome:
        """Observes these messages, then adapts once."""

    def suggest(self, asked: Sequence[PredictionQuery], personal: bool) -> list[list[str]]:
        """The `SHOWN` words of each prediction, best first, by the phone's own keyboard or the shared model's."""

    def adapter_bytes(self) -> int:
        """Size of the adapter's file, 0 where the phone has none of its own."""


NewPhone = Callable[[str], AbstractContextManager[Device]]
"""Makes a phone for the user of an id; it is gone once the block ends."""


def suggest(phone: Phone, word: HeldOutWord, typed: int, personal: bool) -> list[str]:
    """Returns the words shown after `typed` characters of `word`, best first."""
    shown = phone.predict(word.context, word.word[:typed], k=SHOWN, personal=personal)
    return [suggestion.word for suggestion in shown]


class LocalDevice:
    """A `Device` around an open phone, which stays its owner's to close."""

    at_once = 1  # each word's context is one step from the last one's, while the engine remembers that

    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    def learn(self, messages: Sequence[Message]) -> AdaptationOutcome:
        """Raises PhoneError: the messages are none, or the phone cannot store them."""
        self._phone.observe_many((text, at) for at, text in messages)
        found = self._phone.adapt()
        return AdaptationOutcome(GateVerdict(kept=found.verdict.kept, reason=found.verdict.reason), found.seconds)

    def suggest(self, asked: Sequence[PredictionQuery], personal: bool) -> list[list[str]]:
        """See `Device`."""
        return [suggest(self._phone, word, typed, personal) for word, typed in asked]

    def adapter_bytes(self) -> int:
        """See `Device`."""
        return len(self._phone.adapter_file() or b"")


def temporary_devices(engine: Engine) -> NewPhone:
    """Returns what makes phones that leave nothing behind."""

    @contextmanager
    def new(_user_id: str) -> Iterator[Device]:
        with tempfile.TemporaryDirectory() as folder, Phone.open(Path(folder) / "phone", engine) as phone:
            yield LocalDevice(phone)

    return new
