"""The key pair that a comparison signs its own bundles with: they never leave its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from device_runtime.keys import PRIVATE_NAME, PUBLIC_NAME, generate_keys


@dataclass(frozen=True)
class KeyPair:
    private: Path
    public: Path

    @classmethod
    def kept_in(cls, folder: Path) -> KeyPair:
        """Returns the pair in `folder`, made where there is none."""
        pair = cls(folder / PRIVATE_NAME, folder / PUBLIC_NAME)
        if not pair.private.exists() or not pair.public.exists():
            generate_keys(folder)
        return pair
