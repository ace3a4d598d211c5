"""Files that a session's fixtures make, once for all of pytest-xdist's workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Returns the folder `name`, which the first worker that asks for it fills by `make(folder)`.

    The other workers wait meanwhile. The files are shared, so tests read them and change only copies.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # each worker has its own folder in the session's
    folder, complete = root / f"shared-{name}", root / f"shared-{name}.complete"
    with FileLock(root / f"shared-{name}.lock"):
        if not complete.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            complete.touch()
    return folder
