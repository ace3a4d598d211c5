"""A pool of open phones. A phone is opened when a request needs it; the least recently used idle phone is closed.

An open phone needs four file descriptors and, with an adapter of its own, about 40 KB. For every device in use, a
thousand are registered. `max_open_phones` returns how many phones this process can keep open.
"""

from __future__ import annotations

import resource
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from api.observability import LOG
from api.storage.data_folder import erase
from device_runtime.adaptation.trainer import Trainer
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone

MAX_OPEN = 128
"""These need 512 file descriptors, half of the usual limit of a process."""


PATIENCE_SECONDS = 10.0
"""How long a caller waits until a phone is open, or until its users have left."""
CLOSE_SECONDS = 5.0
"""How long the pool waits for users when it closes. The requests of most have been answered by then."""
MAX_OPENING = 16
"""Phones that are opened at once. A phone whose files make the system or SQLite hang occupies one of these threads."""
MAX_USERS = 16
"""Requests that use or wait for one phone at once. More are refused, so that one phone does not occupy all threads."""


class PhoneBusyError(RuntimeError):
    """A phone cannot be used now: it does not open in time, or has too many users. Nothing was changed."""


class _Slot:
    """A phone that is open, being opened or being closed. The pool's lock guards only `users` and `stuck`."""

    def __init__(self) -> None:
        self.users = 0
        self.changing = threading.Lock()
        self.phone: Phone | None = None
        self.stale = False
        self.stuck = False


class _Opening:
    """The opening of one phone in a thread of its own, because it cannot be interrupted.

    `abandoned` and the end of the opening are guarded by the pool's lock.
    """

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.abandoned = False
        self.phone: Phone | None = None
        self.error: BaseException | None = None


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
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Makes an empty pool.

        Args:
            engine, trainer, blocked: As in `Phone.open`.
            limit: Maximum number of phones that stay open when they are idle. Phones in use are never closed.
            require: Raises if a phone must not be opened. It is called when the phone is protected from deletion.
            patience: Seconds that a caller waits for a phone at most.
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
        self._patience = patience
        self._openings = threading.BoundedSemaphore(MAX_OPENING)

    @contextmanager
    def use(self, device_id: str, new: bool = False) -> Iterator[Phone]:
        """Yields a phone that stays open until the block ends.

        Args:
            new: The phone is being created, so `require` does not know it yet.

        Raises:
            PhoneError: the phone cannot be opened.
            PhoneBusyError: the phone does not open in time.
            RuntimeError: the pool is closed.
        """
        slot = self._enter(device_id)
        try:
            if not new:
                self._require(device_id)
            yield self._opened(device_id, slot)
        finally:
            self._leave(device_id, slot)

    def _opened(self, device_id: str, slot: _Slot) -> Phone:
        with self._lock:
            if slot.stuck or slot.users > MAX_USERS:
                raise PhoneBusyError("the device does not answer in time: try again later")
        if not slot.changing.acquire(timeout=self._patience):
            raise PhoneBusyError("the device did not open in time: try again later")
        abandoned = False
        try:
            if slot.stale and self._is_only_user(slot):
                _close(slot)
            if slot.phone is None:
                opening = self._start_opening(device_id, slot)
                abandoned = not self._await(opening, slot)
                if abandoned:
                    LOG.error("a device did not open within %g s; it is refused until it does", self._patience)
                    raise PhoneBusyError("the device did not open in time: try again later")
                if opening.error is not None:
                    raise opening.error
                slot.phone = opening.phone
            assert slot.phone is not None
            return slot.phone
        finally:
            if not abandoned:  # otherwise the thread that opens the phone releases it
                slot.changing.release()

    def _start_opening(self, device_id: str, slot: _Slot) -> _Opening:
        if not self._openings.acquire(timeout=self._patience):
            raise PhoneBusyError("too many devices are being opened: try again later")
        opening = _Opening()
        try:
            threading.Thread(target=self._run_opening, args=(device_id, slot, opening), daemon=True).start()
        except RuntimeError as error:  # no more threads
            self._openings.release()
            raise PhoneBusyError("the service has no free thread: try again later") from error
        return opening

    def _await(self, opening: _Opening, slot: _Slot) -> bool:
        """Waits for the end of an opening. Returns False if it did not end in time, and abandons it."""
        if not opening.ended.wait(self._patience):
            with self._lock:
                if not opening.ended.is_set():
                    opening.abandoned = slot.stuck = True
                    slot.users += 1  # the thread, so that the slot stays
        return not opening.abandoned

    def _run_opening(self, device_id: str, slot: _Slot, opening: _Opening) -> None:
        try:
            opening.phone = Phone.open(self._root / device_id, self._engine, self._blocked, trainer=self._trainer)
            for note in opening.phone.notes:
                LOG.warning("a device was repaired: %s", note)
        except BaseException as error:
            opening.error = error
        self._openings.release()
        with self._lock:
            opening.ended.set()
            if not opening.abandoned:
                return
            slot.phone, slot.stuck = opening.phone, False
            slot.changing.release()
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

    def delete(self, device_id: str, remove: Callable[[Path], object] = erase) -> None:
        """Waits for current users, closes the phone, and removes its folder. `require` must already refuse the phone.

        Args:
            remove: Removes a folder, which need not exist.

        Raises:
            PhoneBusyError: its users did not leave in time; nothing was removed.
            OSError: `remove` failed.
        """
        slot = self._enter(device_id)
        try:
            with self._lock:
                left = self._left.wait_for(lambda: slot.users == 1, self._patience)
            if not left or not slot.changing.acquire(timeout=self._patience):
                raise PhoneBusyError("the device is in use and cannot be deleted yet")
            try:
                _close(slot)
                remove(self._root / device_id)
            finally:
                slot.changing.release()
        finally:
            self._leave(device_id, slot)

    def __len__(self) -> int:
        """Returns the number of open phones."""
        with self._lock:
            return len(self._slots)

    def close(self) -> None:
        """Waits for current users, `CLOSE_SECONDS` at most, then closes every idle phone and the pool."""
        with self._lock:
            self._closed = True
            if not self._left.wait_for(lambda: not any(slot.users for slot in self._slots.values()), CLOSE_SECONDS):
                LOG.error("some devices are still in use: what they acknowledged is on disk")
            slots = [slot for slot in self._slots.values() if not slot.users]
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
