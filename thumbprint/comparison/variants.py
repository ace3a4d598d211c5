"""What a comparison measures by name: methods, and methods with one thing changed."""

from __future__ import annotations

VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "ditto+q1": ("ditto", {"fairness_q": 1.0}),
    "ditto+8bit": ("ditto", {"compressed": True}),
}
"""Fairness-aware training (q-FedAvg) and compressed updates, shown on one method; options of any."""


def variant(name: str) -> tuple[str, dict[str, object]]:
    """The method behind a name, and what a variant changes."""
    return VARIANTS.get(name, (name, {}))
