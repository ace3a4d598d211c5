"""A pool of open phones. A phone is opened when a request needs it; the least recently used idle phone is closed.

An open phone needs four file descriptors and, with an adapter of its own, about 40 KB. For every device in use, a
thousand are registered. `max_open_phones` returns how many phones this process can keep open.
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
from keyboard_model.storage.durable_files import fsync_path

MAX_OPEN = 128
"""These need 512 file descriptors, half of the usual limit of a process."""


class _Slot:
    """A phone that is open, being opened or being closed. The pool's lock guards only `users`."""

    def __init__(self) -> None:
        self.users = 0
        self.changing = threading.Lock()
        self.phone: Phone | None = None
        self.stale = False


class PhonePool:
    """The phones in `root`, one folder each. Safe to use from several threads."""

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
            limit: Maximum number of phones that stay open when they are idle. Phones in use are never closed.
            require: Raises if a phone must not be opened. It is called when the phone is protected from deletion.
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
        """Yields a phone that stays open until the block ends.

        Args:
            new: The phone is being created, so `require` does not know it yet.

        Raises:
            PhoneError: the phone cannot be opened.
            RuntimeError: the pool is closed.
        """
        slot = self._enter(device_id)
        try:
            if not new:
                self._require(device_id)
            with slot.changing:
                if slot.stale and self._is_only_user(slot):
                    _close(slot)
                if slot.phone is None:
                    slot.phone = Phone.open(self._root / device_id, self._engine, self._blocked, trainer=self._trainer)
                phone = slot.phone
            yield phone
        finally:
            self._leave(device_id, slot)

    @contextmanager
    def use_if_open(self, device_id: str) -> Iterator[Phone | None]:
        """Yields a phone that is open already, without waiting. Yields None if `use` might wait.

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
        """Makes the next caller that has the phone to itself open it again from disk."""
        with self._lock:
            if device_id in self._slots:
                self._slots[device_id].stale = True

    def delete(self, device_id: str) -> None:
        """Waits for current users, then deletes the phone's folder. `require` must already refuse the phone.

        Raises:
            OSError: the folder cannot be deleted, or only partly.
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

    def _is_only_user(self, slot: _Slot) -> bool:
        with self._lock:
            return slot.users == 1

    def _leave(self, device_id: str, slot: _Slot) -> None:
        with self._lock:
            slot.users -= 1
            if slot.phone is None and not slot.users:  # the phone could not be opened, or was closed to make room
                self._slots.pop(device_id, None)
            surplus = None if self._closed else self._claim_surplus()
            self._left.notify_all()
        if surplus is not None:
            self._close_surplus(*surplus)

    def _claim_surplus(self) -> tuple[str, _Slot] | None:
        """Claims the least recently used idle phone if too many are open, so that no other thread claims it too.

        `changing` is free here. While it is held, a thread that needs this phone waits until the phone is closed, and
        then opens it again.
        """
        if len(self._slots) <= self._limit:
            return None
        for device_id, slot in self._slots.items():
            if not slot.users:
                slot.users += 1
                slot.changing.acquire()
                return device_id, slot
        return None

    def _close_surplus(self, device_id: str, slot: _Slot) -> None:
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


MAX_OPEN_SERVED = 1_024
"""Phones that a server keeps open. Each needs about 0.3 MB with its owner's words. Opening a phone takes as long as
twenty predictions."""
_DESCRIPTORS_PER_PHONE = 4
_OTHER_DESCRIPTORS = 256
"""For connections, the database, and the program's own files."""


def max_open_phones(wanted: int = MAX_OPEN_SERVED) -> int:
    """Raises this process's limit of open files as far as necessary and allowed.

    Returns how many phones can be open at once within the limit, at most `wanted`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted * _DESCRIPTORS_PER_PHONE + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, (soft - _OTHER_DESCRIPTORS) // _DESCRIPTORS_PER_PHONE))
