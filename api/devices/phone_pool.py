"""A pool of open phones: a phone is opened when a request needs it, and the least recently used idle one is closed.

An open phone costs four file descriptors and, with an adapter of its own, some 40 KB. For every device that is typing,
a thousand are registered. `phones_allowed` says how many phones this process may keep open.
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
    """A phone that is open, being opened or being closed; `users` alone is guarded by the pool's lock."""

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
        """Makes an empty pool.

        Args:
            engine, trainer, blocked: As in `Phone.open`.
            limit: Phones kept open in total; while more than that are in use, they stay open.
            require: Raises for a phone that may not be opened; called once the phone is protected from deletion.
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
            new: The phone is being created, so that `require` does not know it yet.

        Raises:
            PhoneError: the phone cannot be opened.
            RuntimeError: the pool is closed.
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
        """Gives a phone that is open already, without waiting; None where `use` might wait.

        It does not call `require`.
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
        """Has the phone opened again from disk by the next caller that uses it alone."""
        with self._lock:
            if device_id in self._slots:
                self._slots[device_id].stale = True

    def delete(self, device_id: str) -> None:
        """Waits for current users, then deletes the phone's folder; `require` must refuse the phone already.

        Raises:
            OSError: the folder cannot be deleted, or only in part.
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
        """Returns the number of open phones."""
        with self._lock:
            return len(self._slots)

    def close(self) -> None:
        """Waits for current users, then closes every phone and the pool."""
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
            if slot.phone is None and not slot.users:  # it could not be opened, or was closed to make room
                self._slots.pop(device_id, None)
            surplus = None if self._closed else self._claim_surplus()
            self._left.notify_all()
        if surplus is not None:
            self._give_up(*surplus)

    def _claim_surplus(self) -> tuple[str, _Slot] | None:
        """Claims the least recently used idle phone if too many are open, so that no other thread claims it too.

        `changing` is free here. Taking it makes a thread that asks for the phone meanwhile wait until it is closed,
        and then open it again.
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
"""Phones that a server keeps open: each takes some 0.3 MB with its owner's words, and opening one costs as much as
twenty predictions."""
_PER_PHONE = 4
_OTHERS = 256
"""Connections, the database, the program's own files."""


def phones_allowed(wanted: int = MANY_OPEN) -> int:
    """Raises this process's limit of open files as far as allowed. Returns how many phones fit, at most `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted * _PER_PHONE + _OTHERS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, (soft - _OTHERS) // _PER_PHONE))
