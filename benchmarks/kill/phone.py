"""Kills a phone while it observes, adapts, forgets, blocks, rolls back and deletes everything."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.kill.expected import BLOCKABLE, WORDS, Expected, Kind, Operation, draw
from benchmarks.kill.process import Violation, require_gone, run_until_killed
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone

_KINDS: dict[Kind, int] = {"observe": 12, "forget": 3, "block": 2, "adapt": 2, "rollback": 1, "forget_all": 1}
_OPERATIONS = 30
_MOST_ACKNOWLEDGED = 10
_DATABASE = {"history.sqlite", "history.sqlite-wal", "history.sqlite-shm"}


class PhoneKills:
    """One phone after another, killed again and again in the same folder until `begin_anew`."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.under_way = 0
        """Kills after which the operation that was under way is there."""
        self._engine = engine
        self.folder = folder
        self._expected = Expected()
        self._adapter = 0

    def begin_anew(self) -> None:
        """Deletes the folder: the next kill hits a new phone."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._expected, self._adapter = Expected(), 0

    def kill(self, number: int, seed: int) -> None:
        """Lets the phone work, kills it, and compares what is there. Raises Violation."""
        chance = random.Random(f"{seed}:phone:{number}")
        operations = draw(chance, _OPERATIONS, _KINDS)

        def work(acknowledge: Callable[[bytes], None]) -> None:
            with Phone.open(self.folder, self._engine) as phone:
                for operation in operations:
                    perform(phone, operation)
                    acknowledge(b"%d" % phone.adapter_id)
            acknowledge(b"done")

        lines = run_until_killed(work, chance, _MOST_ACKNOWLEDGED)
        adapters = [int(line) for line in lines if line != b"done\n"]
        for operation in operations[: len(adapters)]:
            self._expected = self._expected.after(operation)
        self._adapter = adapters[-1] if adapters else self._adapter
        self._compare(operations[len(adapters)] if len(adapters) < len(operations) else None)

    def _compare(self, under_way: Operation | None) -> None:
        before = self._expected
        after = before if under_way is None else before.after(under_way)
        if self.folder.exists() and (under_way is None or under_way.kind != "forget_all"):
            require_gone(self.folder, before.forgotten)
        with Phone.open(self.folder, self._engine) as phone:
            if phone.notes:
                raise Violation(f"the phone had to repair something: {phone.notes}")
            export = phone.export()
            found = [each for each in (before, after) if Expected.read(export, each.forgotten) == each]
            if not found:
                raise Violation(
                    f"{_difference(Expected.read(export, before.forgotten), before)}; under way: {under_way}"
                )
            if found[0] != before:
                self.under_way += 1
            self._expected = found[0]
            self._check_adapter(phone, under_way)
            known = {word.word for word in phone.learned_words(None)}
            suggested = {each.word for word in (*WORDS, *BLOCKABLE) for each in phone.predict("meet", word[:4], k=10)}
            if back := (known | suggested) & self._expected.forgotten:
                raise Violation(f"forgotten words are back: {sorted(back)}")
            if back := suggested & self._expected.blocked:
                raise Violation(f"blocked words are suggested: {sorted(back)}")
        require_gone(self.folder, self._expected.forgotten)

    def _check_adapter(self, phone: Phone, under_way: Operation | None) -> None:
        if not phone.adapter.is_finite():
            raise Violation("the adapter is not whole")
        changing = under_way is not None and under_way.kind not in ("observe", "block")
        if phone.adapter_id != self._adapter and not changing:
            raise Violation(f"adapter {phone.adapter_id} is in use, but {self._adapter} was acknowledged")
        self._adapter = phone.adapter_id
        stored = {f"adapter-{entry.id}.safetensors" for entry in phone.adaptations() if entry.stored}
        files = {path.name for path in self.folder.iterdir()}
        if files - _DATABASE != stored:
            raise Violation(f"the folder holds {sorted(files - _DATABASE)}, the log names {sorted(stored)}")


def perform(phone: Phone, operation: Operation) -> None:
    """Does one operation on a phone."""
    match operation.kind:
        case "observe":
            phone.observe_many(operation.texts)
        case "forget":
            phone.forget_word(operation.texts[0])
        case "block":
            phone.block(operation.texts)
        case "adapt":
            phone.adapt()
        case "rollback":
            phone.rollback()
        case "forget_all":
            phone.forget_all()


def _difference(found: Expected, expected: Expected) -> str:
    lost = [text for text in expected.messages if text not in found.messages]
    more = [text for text in found.messages if text not in expected.messages]
    return (
        f"{len(found.messages)} messages instead of {len(expected.messages)}, lost {lost[:2]}, more {more[:2]}, "
        f"forgotten {sorted(found.forgotten)} for {sorted(expected.forgotten)}, "
        f"blocked {sorted(found.blocked)} for {sorted(expected.blocked)}"
    )
