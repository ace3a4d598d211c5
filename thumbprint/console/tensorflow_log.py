"""What TensorFlow says of itself while it loads and converts is for its developers, not for our users."""

from __future__ import annotations

import os


def silence_tensorflow() -> None:
    """Keeps TensorFlow to errors; to be called before it is imported. TF_CPP_MIN_LOG_LEVEL, where set, stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
