"""What one local step moves by."""

from __future__ import annotations

from dataclasses import dataclass

from device_runtime.manifest import Recipe


@dataclass(frozen=True)
class Rates:
    """See `keyboard_model.adapter.Rates`."""

    learning_rate: float
    bias_rate: float
    proximal: float
    clip: float

    @classmethod
    def of(cls, recipe: Recipe, pieces: int) -> Rates:
        """The recipe's rates for someone who typed so many pieces: times n / (n + evidence)."""
        share = pieces / (pieces + recipe.evidence) if pieces else 0.0
        return cls(recipe.learning_rate * share, recipe.bias_rate * share, recipe.proximal, recipe.clip)
