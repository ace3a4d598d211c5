"""The six files of a bundle as bytes, changed and signed again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from device_runtime.bundle.files import MANIFEST, SIGNATURE
from device_runtime.bundle.loader import file_entries, model_id
from device_runtime.bundle.signing_keys import load_private

Content = dict[str, bytes]

LEARNING_RECIPE: Mapping[str, Any] = {
    "recipe": {
        "steps": 4,
        "learning_rate": 0.1,
        "bias_rate": 1.0,
        "proximal": 0.0,
        "clip": 10.0,
        "passes": 0.0,
        "newest_words": 500,
        "holdout_share": 0.2,
        "holdout_words": 1000,
        "gate": {"min_words": 1, "margin": 0.0},
        "history": {"cache_weight": 0.3, "cache_half": 50, "discount": 0.5, "concentration_2": 5},
    }
}
"""Changes that give a small bundle a recipe whose adapters learn at once, so that the gate keeps them."""


def merged(old: Any, changes: Any) -> Any:
    """Returns a JSON value with the changes in it, object by object."""
    if not isinstance(changes, Mapping) or not isinstance(old, Mapping):
        return changes
    return {**old, **{key: merged(old.get(key), value) for key, value in changes.items()}}


def signed(content: Mapping[str, bytes], changes: Mapping[str, Any], private_key: Path) -> Content:
    """Makes the manifest fit the other files and `changes`, and signs it."""
    manifest = json.loads(content[MANIFEST])
    manifest["files"] = {name: entry.model_dump() for name, entry in file_entries(content).items()}
    manifest["model_id"] = model_id(content)
    raw = json.dumps(merged(manifest, changes)).encode()
    return {**content, MANIFEST: raw, SIGNATURE: load_private(private_key).sign(raw)}


def write_folder(path: Path, content: Mapping[str, bytes]) -> Path:
    """Writes a bundle as a new folder."""
    path.mkdir()
    for name, data in content.items():
        (path / name).write_bytes(data)
    return path
