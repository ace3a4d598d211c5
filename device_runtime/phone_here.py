"""A phone of this process, as trials ask for one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from device_runtime.engine import Engine
from device_runtime.held_out import HeldOutWord, Message
from device_runtime.phone import Phone
from device_runtime.report import GateVerdict
from device_runtime.tested_phone import SHOWN, Asked, Learnt, NewPhone, TestedPhone


def suggest(phone: Phone, word: HeldOutWord, typed: int, personal: bool) -> list[str]:
    """Returns the words shown after `typed` characters of `word`, best first."""
    shown = phone.predict(word.context, word.word[:typed], k=SHOWN, personal=personal)
    return [suggestion.word for suggestion in shown]


class PhoneHere:
    """A `TestedPhone` around an open phone, which stays its owner's to close."""

    at_once = 1  # each word's context is one step from the last one's, while the engine remembers that

    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    def learn(self, messages: Sequence[Message]) -> Learnt:
        """Raises PhoneError: the messages are none, or the phone cannot store them."""
        self._phone.observe_many((text, at) for at, text in messages)
        found = self._phone.adapt()
        return Learnt(GateVerdict(kept=found.verdict.kept, reason=found.verdict.reason), found.seconds)

    def suggest(self, asked: Sequence[Asked], personal: bool) -> list[list[str]]:
        """See `TestedPhone`."""
        return [suggest(self._phone, word, typed, personal) for word, typed in asked]

    def adapter_bytes(self) -> int:
        """See `TestedPhone`."""
        return len(self._phone.adapter_file() or b"")


def brief_phones(engine: Engine) -> NewPhone:
    """Returns what makes phones that leave nothing behind."""

    @contextmanager
    def new(_user_id: str) -> Iterator[TestedPhone]:
        with tempfile.TemporaryDirectory() as folder, Phone.open(Path(folder) / "phone", engine) as phone:
            yield PhoneHere(phone)

    return new
