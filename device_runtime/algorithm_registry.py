"""The algorithms by which a phone comes from the bundle's start adapters to its owner's adapter, by name.

An algorithm is one file in `device_runtime.adaptation.algorithms` with an `ALGORITHM` in it: its name in the
recipe, its constants with their bounds, and the function. This module lies below the manifest, which checks a
recipe against the declarations; it knows the algorithms' package by its name alone and loads it on first use.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_PACKAGE = "device_runtime.adaptation.algorithms"

Constants = Mapping[str, float]


def _never(constants: Constants) -> bool:
    return False


@dataclass(frozen=True)
class DeviceAlgorithm:
    """One way to adapt.

    Attributes:
        name: as the bundle's recipe names it.
        adapt: `(engine, recipe, training windows, held-out windows, start adapters)` -> adapter; see
            `device_runtime.adaptation.adapt`. None: the first start is kept as it is.
        constants: the numbers that a recipe must give, each with its least and its largest value.
        moves_without_steps: whether an adapter other than the first start can come of 0 steps with these constants.
        several_starts: whether a bundle may hold more than one start adapter.
    """

    name: str
    adapt: Callable[..., Any] | None
    constants: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    moves_without_steps: Callable[[Constants], bool] = _never
    several_starts: bool = False

    def check(self, constants: Constants, starts: int) -> None:
        """Checks a recipe's numbers.

        Raises:
            ValueError: a constant is missing, unknown or out of its bounds, or there are too many starts.
        """
        if constants.keys() != self.constants.keys():
            raise ValueError(
                f"{self.name} takes the constants {sorted(self.constants)}, the recipe has {sorted(constants)}"
            )
        for name, (least, largest) in self.constants.items():
            if not least <= constants[name] <= largest:
                raise ValueError(f"{name} of {self.name} is {constants[name]}, it must be {least} to {largest}")
        if starts > 1 and not self.several_starts:
            raise ValueError(f"{self.name} has one start, the recipe {starts}")

    def trains_nothing(self, constants: Constants, starts: int, steps: int) -> bool:
        """Whether no adapter but the first start can come of such a recipe."""
        return self.adapt is None or (steps == 0 and starts == 1 and not self.moves_without_steps(constants))


@functools.cache
def algorithms() -> Mapping[str, DeviceAlgorithm]:
    """Returns every algorithm by its name in the recipe."""
    found: dict[str, DeviceAlgorithm] = {}
    package = importlib.import_module(_PACKAGE)
    for module in pkgutil.iter_modules(package.__path__, f"{_PACKAGE}."):
        algorithm = getattr(importlib.import_module(module.name), "ALGORITHM", None)
        if algorithm is None:
            continue
        if algorithm.name in found:
            raise ValueError(f"two device algorithms are named {algorithm.name!r}; one is in {module.name}")
        found[algorithm.name] = algorithm
    return found


def algorithm_named(name: str) -> DeviceAlgorithm:
    """Returns an algorithm by its name in the recipe.

    Raises:
        ValueError: there is no such algorithm; the message lists the known ones.
    """
    known = algorithms()
    if name not in known:
        raise ValueError(f"there is no device algorithm {name!r}; the known ones are {', '.join(known)}")
    return known[name]
