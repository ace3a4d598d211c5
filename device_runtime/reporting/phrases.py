"""Figures in words, the same in the terminal, on the page and in the pictures."""

from __future__ import annotations

DASH = "–"
"""Stands where there is no figure."""


def percent(value: float | None, digits: int = 1) -> str:
    """A share: `0.247` as `24.7 %`."""
    return DASH if value is None else f"{100 * value:.{digits}f} %"


def points(value: float | None) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return DASH if value is None else f"{100 * value:+.1f}"


def figure(value: float | None, unit: str) -> str:
    """A measured value with its unit, to three significant digits."""
    return DASH if value is None else f"{value:.3g} {unit}"


def size(count: int | None) -> str:
    """A number of bytes, in KiB."""
    return DASH if count is None else f"{count / 1024:.1f} KiB"


def people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def phones(count: int) -> str:
    return "1 phone" if count == 1 else f"{count:,} phones"


def synthetic_notice(corpus: bool, model: bool, who: str) -> str | None:
    """The notice above figures that come from generated messages; None if all messages are real.

    Args:
        corpus: The corpus is synthetic.
        model: The model was trained on a synthetic corpus.
        who: The real people, if only the model is synthetic.
    """
    if corpus:
        return "SYNTHETIC: a program made these messages up. The figures show that it works, not how well it would do."
    if model:
        return f"SYNTHETIC MODEL: the model was trained on messages that a program made up; {who} are real."
    return None
