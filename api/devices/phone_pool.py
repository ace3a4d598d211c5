"""Phones opened when they are asked for, the ones not used for longest closed again.

An open phone costs four file descriptors and, with an adapter of its own, some 40 KB; a thousand
devices are registered for every one that is typing.

How many phones this process may hold open: each takes four file descriptors.
"""

from __future__ import annotations

import resource
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from device_runtime.adaptation.trainer import Trainer
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from keyboard_model.storage.atomic_write import fsync_path

MAX_OPEN = 128
"""512 file descriptors: half of what a process may usually have."""


class _Slot:
    """A phone that is open, being opened or being closed; `users` and nothing else is under the owner's lock."""

    def __init__(self) -> None:
        self.users = 0
        self.changing = threading.Lock()
        self.phone: Phone | None = None
        self.stale = False


class PhonePool:
    """The phones in `root`, a folder each. Safe to use from several threads."""

    def __init__(
        self,
        root: Path,
        engine: Engine,
        limit: int = MAX_OPEN,
        require: Callable[[str], None] = lambda _: None,
        trainer: Trainer | None = None,
        blocked: frozenset[str] = frozenset(),
    ) -> None:
        """Makes the set, none of them open yet.

        Args:
            engine, trainer, blocked: As in `Phone.open`.
            limit: Phones kept open while nobody uses them; those in use may be more.
            require: Raises for a phone that may not be opened; asked once nobody can delete it meanwhile.
        """
        self._root = root
        self._require = require
        self._engine = engine
        self._trainer = trainer
        self._blocked = blocked
        self._limit = limit
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._lock = threading.Lock()
        self._left = threading.Condition(self._lock)
        self._closed = False

    @contextmanager
    def use(self, device_id: str, new: bool = False) -> Iterator[Phone]:
        """Gives a phone that stays open until the block ends.

        Args:
            new: It is being made, so that `require` cannot know it yet.

        Raises:
            PhoneError: the phone cannot be opened.
            RuntimeError: all was closed.
        """
        slot = self._enter(device_id)
        try:
            if not new:
                self._require(device_id)
            with slot.changing:
                if slot.stale and self._alone_in(slot):
                    _close(slot)
                if slot.phone is None:
                    slot.phone = Phone.open(self._root / device_id, self._engine, self._blocked, trainer=self._trainer)
                phone = slot.phone
            yield phone
        finally:
            self._leave(device_id, slot)

    @contextmanager
    def at_hand(self, device_id: str) -> Iterator[Phone | None]:
        """Gives a phone that is open, until the block ends, without waiting for anybody; None where `use` might wait.

        It does not ask `require`.
        """
        with self._lock:
            slot = self._slots.get(device_id)
            if slot is None or slot.phone is None or slot.stale or slot.changing.locked() or self._closed:
                slot = None
            else:
                slot.users += 1
                self._slots.move_to_end(device_id)
        if slot is None:
            yield None
            return
        try:
            yield slot.phone
        finally:
            self._leave(device_id, slot)

    def reopen(self, device_id: str) -> None:
        """Makes the next user who is alone open the phone anew, from what is on the disk."""
        with self._lock:
            if device_id in self._slots:
                self._slots[device_id].stale = True

    def delete(self, device_id: str) -> None:
        """Waits for the users there are and deletes the phone's folder; `require` must refuse the phone by now.

        Raises:
            OSError: the folder cannot be deleted; it may be gone in part.
        """
        slot = self._enter(device_id)
        try:
            with self._lock:
                self._left.wait_for(lambda: slot.users == 1)
            with slot.changing:
                _close(slot)
                folder = self._root / device_id
                if folder.exists():
                    shutil.rmtree(folder)
                    fsync_path(self._root)
        finally:
            self._leave(device_id, slot)

    def __len__(self) -> int:
        """Phones that are open."""
        with self._lock:
            return len(self._slots)

    def close(self) -> None:
        """Waits for the users there are, then closes every phone; no phone can be used any more."""
        with self._lock:
            self._closed = True
            self._left.wait_for(lambda: not any(slot.users for slot in self._slots.values()))
            slots = list(self._slots.values())
            self._slots.clear()
        for slot in slots:
            _close(slot)

    def _enter(self, device_id: str) -> _Slot:
        with self._lock:
            if self._closed:
                raise RuntimeError("the phones are closed")
            slot = self._slots.setdefault(device_id, _Slot())
            self._slots.move_to_end(device_id)
            slot.users += 1
            return slot

    def _alone_in(self, slot: _Slot) -> bool:
        with self._lock:
            return slot.users == 1

    def _leave(self, device_id: str, slot: _Slot) -> None:
        with self._lock:
            slot.users -= 1
            if slot.phone is None and not slot.users:  # it could not be opened, or was closed for another's sake
                self._slots.pop(device_id, None)
            surplus = None if self._closed else self._claim_surplus()
            self._left.notify_all()
        if surplus is not None:
            self._give_up(*surplus)

    def _claim_surplus(self) -> tuple[str, _Slot] | None:
        """The idle phone used longest ago, where there are too many; claimed, so that nobody claims it twice.

        Taking `changing` here, while it is free for certain, makes whoever asks for the phone meanwhile wait
        until it is closed and then open it anew.
        """
        if len(self._slots) <= self._limit:
            return None
        for device_id, slot in self._slots.items():
            if not slot.users:
                slot.users += 1
                slot.changing.acquire()
                return device_id, slot
        return None

    def _give_up(self, device_id: str, slot: _Slot) -> None:
        try:
            _close(slot)
        finally:
            slot.changing.release()
            self._leave(device_id, slot)


def _close(slot: _Slot) -> None:
    if slot.phone is not None:
        slot.phone.close()
        slot.phone = None
        slot.stale = False


MANY_OPEN = 1_024
"""Phones held open by a server: some 0.3 MB each with their owner's words, and opening one again costs as much as
twenty predictions."""
_PER_PHONE = 4
_OTHERS = 256
"""Connections, the database, the program's own files."""


def phones_allowed(wanted: int = MANY_OPEN) -> int:
    """Raises this process's limit of open files as far as it may. Returns how many phones fit, at most `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted * _PER_PHONE + _OTHERS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, (soft - _OTHERS) // _PER_PHONE))
