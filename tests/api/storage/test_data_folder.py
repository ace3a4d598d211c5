"""Whatever the file system refuses, what a user typed becomes unreadable, and what is left is counted."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from api.storage.data_folder import Remainder, Trash, erase

SECRET = b"meet me at zanzibar " * 9_000


def make_phone(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("history.sqlite", "history.sqlite-wal", "adapter-1.safetensors", "deeper/one", "deeper/still/two"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(SECRET)
    return folder


def readable(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def refuse(*_arguments: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_erases_a_folder_with_everything_in_it(tmp_path: Path) -> None:
    folder, elsewhere = make_phone(tmp_path / "phone"), tmp_path / "elsewhere"
    elsewhere.write_bytes(SECRET)
    (folder / "link").symlink_to(elsewhere)
    (folder / "broken").symlink_to("nowhere")
    (folder / "folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    (folder / "deeper").chmod(0o000)
    (folder / "history.sqlite").chmod(0o000)
    assert erase(folder) == Remainder()
    assert list(tmp_path.iterdir()) == [elsewhere] and elsewhere.read_bytes() == SECRET
    assert erase(folder) == Remainder()


def test_a_sparse_file_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_phone(tmp_path / "phone")
    os.truncate(folder / "history.sqlite", 10 * len(SECRET))
    written: list[int] = []
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda to, data, at: written.append(len(data)) or pwrite(to, data, at))
    assert not erase(folder) and sum(written) == 4 * len(SECRET)


@pytest.mark.parametrize(
    ("refused", "left"),
    [
        ([(Path, "unlink")], Remainder(0, 8)),
        ([(Path, "rmdir")], Remainder(0, 3)),
        ([(os, "open"), (Path, "unlink")], Remainder(5, 8)),
        ([(os, "pwrite"), (Path, "unlink")], Remainder(0, 8)),
        ([(os, "fsync"), (Path, "unlink")], Remainder(0, 8)),
        ([(os, "open")], Remainder()),
    ],
    ids=str,
)
def test_goes_on_after_every_refusal_and_counts_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: list[tuple[object, str]], left: Remainder
) -> None:
    folder = make_phone(tmp_path / "phone")
    with monkeypatch.context() as patch:
        for where, name in refused:
            patch.setattr(where, name, refuse)
        assert erase(folder) == left
    assert bool(left.readable) is (SECRET in readable(folder))
    assert erase(folder) == Remainder() and not folder.exists()


def as_nobody(work: Callable[[], bool]) -> bool:
    """Runs `work` in a child process without privileges. Returns its result."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65_534)
            os.setuid(65_534)
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another owner")
def test_a_folder_of_another_owner_inside_does_not_stop_the_rest(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if Path(tempfile.gettempdir()) in folder.parents:
            folder.chmod(0o755)
    phone = make_phone(tmp_path / "phone")
    for path in (tmp_path, phone, *phone.glob("*.s*")):
        os.chown(path, 65_534, 65_534)
    (phone / "deeper").chmod(0o755)
    trash = Trash(tmp_path / "trash")

    def delete() -> bool:
        trash.take(phone)
        return trash.empty("phone") == Remainder(2, 5)  # deeper/one, deeper/still/two, their folders, and the phone's

    assert as_nobody(delete)
    assert not phone.exists() and trash.devices() == {"phone"}
    assert len(readable(tmp_path)) == 2 * len(SECRET)
    assert trash.empty("phone") == Remainder() and trash.devices() == set()


def test_what_was_moved_to_the_trash_is_erased_by_its_name_only(tmp_path: Path) -> None:
    trash = Trash(tmp_path / "trash")
    for name in ("phone", "phone-2", "a"):
        trash.take(make_phone(tmp_path / name))
    trash.take(make_phone(tmp_path / "phone"))
    trash.take(tmp_path / "unknown")
    assert trash.devices() == {"phone", "phone-2", "a"} and len(list((tmp_path / "trash").iterdir())) == 4
    assert trash.empty("phone") == Remainder() and trash.devices() == {"phone-2", "a"}


def test_a_folder_that_cannot_be_moved_is_erased_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trash, folder = Trash(tmp_path / "trash"), make_phone(tmp_path / "phone")
    monkeypatch.setattr(Path, "rename", refuse)
    trash.take(folder)
    assert not folder.exists()
    make_phone(folder)
    monkeypatch.setattr(Path, "rmdir", refuse)
    with pytest.raises(PermissionError):
        trash.take(folder)
    assert readable(tmp_path) == b""


def test_a_link_in_place_of_a_folder_is_followed_and_removed(tmp_path: Path) -> None:
    """An operator may have moved a phone's folder to another disk."""
    trash, elsewhere = Trash(tmp_path / "trash"), make_phone(tmp_path / "elsewhere")
    (tmp_path / "phone").symlink_to(elsewhere)
    trash.take(tmp_path / "phone")
    assert not trash.empty("phone")
    assert readable(tmp_path) == b"" and not list((tmp_path / "trash").iterdir())
