"""The interface of a phone in a trial, and its implementation in this process.

`thumbprint.remote_simulation.devices` implements the same interface for a device of a service.
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
"""Number of suggestions that a keyboard shows."""


class PredictionQuery(NamedTuple):
    """One prediction: of `word`, after its first `typed` characters."""

    word: HeldOutWord
    typed: int

    @property
    def prefix(self) -> str:
        return self.word.word[: self.typed]


@dataclass(frozen=True)
class AdaptationOutcome:
    """The gate's verdict on an adaptation, and the seconds that the adaptation took."""

    verdict: GateVerdict
    seconds: float


class Device(Protocol):
    """A new phone, which learns from some messages and is tested on others."""

    @property
    def batch_size(self) -> int:
        """How many words to ask for in one call of `suggest`. 1 if larger batches are not faster."""

    def learn(self, messages: Sequence[Message]) -> AdaptationOutcome:
        """Observes these messages, then adapts once."""

    def observe(self, message: Message) -> None:
        """Counts a message that the user sent. The adapter stays as it is."""

    def suggest(self, queries: Sequence[PredictionQuery], personal: bool) -> list[list[str]]:
        """Returns `SHOWN` words for each query, best first, from the personal or the shared keyboard."""

    def adapter_bytes(self) -> int:
        """Returns the size of the adapter's file, or 0 if the phone has no adapter of its own."""


DeviceFactory = Callable[[str], AbstractContextManager[Device]]
"""Makes a phone for the user with this id. The phone exists until the block ends."""


def suggest(phone: Phone, word: HeldOutWord, typed: int, personal: bool) -> list[str]:
    """Returns the words that `phone` shows after `typed` characters of `word`, best first."""
    shown = phone.predict(word.context, word.word[:typed], k=SHOWN, personal=personal)
    return [suggestion.word for suggestion in shown]


class LocalDevice:
    """A `Device` around an open phone. The caller closes the phone."""

    batch_size = 1  # the engine remembers the last context, and the next word's context is one step from it

    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    def learn(self, messages: Sequence[Message]) -> AdaptationOutcome:
        """See `Device`.

        Raises:
            PhoneError: a message is not valid, or the phone cannot store the messages.
        """
        self._phone.observe_many((text, at) for at, text in messages)
        adaptation = self._phone.adapt()
        verdict = GateVerdict(kept=adaptation.verdict.kept, reason=adaptation.verdict.reason)
        return AdaptationOutcome(verdict, adaptation.seconds)

    def observe(self, message: Message) -> None:
        """See `Device`.

        Raises:
            PhoneError: the message is not valid, or the phone cannot store it.
        """
        at, text = message
        self._phone.observe(text, at)

    def suggest(self, queries: Sequence[PredictionQuery], personal: bool) -> list[list[str]]:
        """See `Device`."""
        return [suggest(self._phone, word, typed, personal) for word, typed in queries]

    def adapter_bytes(self) -> int:
        """See `Device`."""
        return len(self._phone.adapter_file() or b"")


def temporary_devices(engine: Engine) -> DeviceFactory:
    """Returns a factory of phones in temporary folders, which are deleted with the phone."""

    @contextmanager
    def new(_user_id: str) -> Iterator[Device]:
        with tempfile.TemporaryDirectory() as folder, Phone.open(Path(folder) / "phone", engine) as phone:
            yield LocalDevice(phone)

    return new
