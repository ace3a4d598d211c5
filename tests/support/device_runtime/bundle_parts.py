"""The files of a bundle as bytes, which tests change and write again."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.material.signed_content import LEARNING_RECIPE, Content, merged, write_folder

__all__ = ["LEARNING_RECIPE", "Content", "Merge", "merged", "write_folder", "write_zip"]

Merge = Mapping[str, Any]


def write_zip(path: Path, content: Content) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path
