"""Reasons without their figures, so that phones can be counted by them."""

from __future__ import annotations

import re

_FIGURE = re.compile(r"-?(\d+ days?, )?\d+([.:]\d+)*")


def kind_of(reason: str) -> str:
    """Returns the reason with `…` in place of each number or span of time."""
    return _FIGURE.sub("…", reason)
