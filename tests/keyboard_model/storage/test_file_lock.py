from __future__ import annotations

import fcntl
import os

import pytest
from filelock import BaseFileLock

from keyboard_model.storage.file_lock import exclusive_lock


class FolderError(ValueError):
    pass


def held(folder):
    return exclusive_lock(folder, "lock", FolderError, "another process is at work: wait")


def test_a_second_holder_is_refused_until_the_first_ends(tmp_path):
    folder = tmp_path / "new" / "run"
    with held(folder), pytest.raises(FolderError, match=r"^another process is at work: wait$"), held(folder):
        raise AssertionError("two holders at once")
    with held(folder):
        pass


def test_the_lock_is_released_when_the_block_fails(tmp_path, monkeypatch):
    monkeypatch.delattr(BaseFileLock, "__del__")  # the garbage collector would release it, too, but later
    with pytest.raises(KeyError), held(tmp_path):
        raise KeyError
    with held(tmp_path):
        pass


def test_the_system_releases_the_lock_of_a_process_that_ended(tmp_path):
    """Closing its last descriptor is all that the end of a process does, also after SIGKILL."""
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(FolderError, match="another process"), held(tmp_path):
        raise AssertionError("two holders at once")
    os.close(descriptor)
    assert (tmp_path / "lock").exists()
    with held(tmp_path):
        pass


@pytest.mark.parametrize("folder", ["file", "file/run"])
def test_a_folder_that_cannot_be_made_is_one_error(tmp_path, folder):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match=rf"^cannot write to {tmp_path / folder}: \w.*"), held(tmp_path / folder):
        raise AssertionError("no folder to lock")
