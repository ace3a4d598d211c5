"""The files of a bundle as bytes, which tests change and write again."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Content = dict[str, bytes]
Merge = Mapping[str, Any]

LEARNING_RECIPE: Merge = {
    "recipe": {
        "steps": 4,
        "learning_rate": 0.1,
        "bias_rate": 1.0,
        "proximal": 0.0,
        "clip": 10.0,
        "newest_words": 500,
        "holdout_share": 0.2,
        "gate": {"min_words": 1, "margin": 0.0},
        "history": {"cache_weight": 0.3, "cache_half": 50, "discount": 0.5, "concentration_2": 5},
    }
}
"""Changes that give a small bundle a recipe whose adapters learn at once, so that the gate keeps them."""


def merged(old: Any, changes: Any) -> Any:
    if not isinstance(changes, Mapping) or not isinstance(old, Mapping):
        return changes
    return {**old, **{key: merged(old.get(key), value) for key, value in changes.items()}}


def write_folder(path: Path, content: Content) -> Path:
    path.mkdir()
    for name, data in content.items():
        (path / name).write_bytes(data)
    return path


def write_zip(path: Path, content: Content) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path
