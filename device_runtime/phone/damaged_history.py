"""What a phone does with a damaged history: it moves the file aside, starts anew, and keeps what must not be lost.

The damaged file stays under another name, `history.sqlite.damaged-<time>`, with its side files. It holds what
the owner typed, so only the newest one stays, and any forgetting erases it. No message is read back from it: pages out
of their place can hold text that was deleted since. The lists of forgotten and blocked words and the incognito setting
are read back if they are intact. Without them, a phone would learn again what its owner had forbidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from device_runtime.phone.database import DamagedDatabaseError, PhoneDatabase, PhoneDatabaseError, read_damaged
from device_runtime.phone.database_check import SALT_BYTES, SIDE_FILES
from keyboard_model.storage.durable_files import erase, fsync_path

_ASIDE = ".damaged-"


@dataclass(frozen=True)
class Rescued:
    """What was read back from a damaged history.

    Attributes:
        incognito: Whether the phone stored nothing that was typed.
        salt: The key of the forgotten words' hashes.
        forgotten: The hashes of forgotten words.
        blocked: The blocked words.
    """

    incognito: bool
    salt: bytes
    forgotten: tuple[bytes, ...]
    blocked: tuple[str, ...]


def open_or_start_anew(path: Path) -> tuple[PhoneDatabase, str | None]:
    """Opens the database at `path`. Moves a damaged one aside and makes a new one.

    Returns:
        The database, and what was wrong with the one moved aside; None if nothing was.

    Raises:
        PhoneDatabaseError: the database cannot be read and written now; a later attempt may succeed.
        OSError: the damaged one cannot be moved.
    """
    _erase_orphans(path)
    try:
        return PhoneDatabase(path), None
    except DamagedDatabaseError as error:
        reason = str(error)
    aside = _move_aside(path)
    return PhoneDatabase(path), f"{reason}; it was moved aside to {aside.name}, and the phone starts anew"


def damaged_copies(path: Path) -> list[Path]:
    """Returns what was moved aside from `path`, oldest first, without the side files."""
    found = path.parent.glob(f"{path.name}{_ASIDE}*")
    return sorted(copy for copy in found if not copy.name.endswith(SIDE_FILES))


def erase_damaged_copies(path: Path, but: Path | None = None) -> None:
    """Erases everything that was moved aside from `path`, except for `but` and its side files."""
    kept = set() if but is None else {but.name, *(f"{but.name}{side}" for side in SIDE_FILES)}
    erased = [copy for copy in path.parent.glob(f"{path.name}{_ASIDE}*") if copy.name not in kept]
    for copy in erased:
        erase(copy)
    if erased:
        fsync_path(path.parent)


def rescue(path: Path) -> Rescued | None:
    """Reads the lists and the incognito setting of the newest damaged copy of `path`.

    Returns:
        None if there is no copy, or if one of these cannot be read.
    """
    copies = damaged_copies(path)
    if not copies:
        return None
    queries = ("SELECT incognito, salt FROM state", "SELECT digest FROM forgotten", "SELECT word FROM blocked")
    try:
        [(incognito, salt)], forgotten, blocked = read_damaged(copies[-1], queries)
    except (PhoneDatabaseError, ValueError):
        return None
    read = Rescued(incognito == 1, salt, tuple(digest for (digest,) in forgotten), tuple(word for (word,) in blocked))
    usable = (
        incognito in (0, 1)
        and all(isinstance(value, bytes) for value in (salt, *read.forgotten))
        and len(salt) == SALT_BYTES
        and all(isinstance(word, str) for word in read.blocked)
    )
    return read if usable else None


def _erase_orphans(path: Path) -> None:
    """Erases side files without a database, which a crash can leave while a damaged database is moved aside."""
    if path.exists() or path.is_symlink():
        return
    for side in SIDE_FILES:
        erase(path.with_name(f"{path.name}{side}"))


def _move_aside(path: Path) -> Path:
    """Renames the database first: without its side files, it could pass for an intact one of an earlier time."""
    aside = path.with_name(f"{path.name}{_ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z")
    for side in ("", *SIDE_FILES):
        source = path.with_name(f"{path.name}{side}")
        if source.exists() or source.is_symlink():
            source.rename(aside.with_name(f"{aside.name}{side}"))
    fsync_path(path.parent)
    erase_damaged_copies(path, but=aside)
    return aside
