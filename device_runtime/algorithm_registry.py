"""The registry of device algorithms, which turn the bundle's start adapters into an owner's adapter.

A file in `device_runtime.adaptation.algorithms` defines `ALGORITHMS`, one or several of a kind: the name in the recipe,
the constants with their bounds, and the function. The manifest checks a recipe against these declarations, so this
module is below the manifest. It refers to the package of the algorithms by name only, and imports it on first use.
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
    """A device algorithm.

    >>> algorithm_named("interpolate").check({"grid": 11}, starts=1)
    >>> algorithm_named("interpolate").check({"grid": 1}, starts=1)
    Traceback (most recent call last):
        ...
    ValueError: grid of interpolate is 1, but it must be from 2 to 1001

    Attributes:
        name: Its name in the bundle's recipe.
        adapt: `(engine, recipe, training windows, held-out windows, start adapters)` -> adapter, called by
            `device_runtime.adaptation.adapt`. None = keep the first start.
        constants: The numbers that a recipe must have, each with its smallest and its largest value.
        moves_without_steps: Whether the result of 0 steps with these constants can differ from the first start.
        several_starts: Whether a bundle can have more than one start adapter.
    """

    name: str
    adapt: Callable[..., Any] | None
    constants: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    moves_without_steps: Callable[[Constants], bool] = _never
    several_starts: bool = False

    def check(self, constants: Constants, starts: int) -> None:
        """Checks the numbers of a recipe.

        Raises:
            ValueError: a constant is missing, unknown or out of bounds, or there are too many starts.
        """
        if constants.keys() != self.constants.keys():
            raise ValueError(
                f"{self.name} needs the constants {sorted(self.constants)}, but the recipe has {sorted(constants)}"
            )
        for name, (smallest, largest) in self.constants.items():
            if not smallest <= constants[name] <= largest:
                raise ValueError(
                    f"{name} of {self.name} is {constants[name]}, but it must be from {smallest} to {largest}"
                )
        if starts > 1 and not self.several_starts:
            raise ValueError(f"{self.name} needs exactly one start, but the recipe has {starts}")

    def trains_nothing(self, constants: Constants, starts: int, steps: int) -> bool:
        """Whether the result of such a recipe is always the first start."""
        return self.adapt is None or (steps == 0 and starts == 1 and not self.moves_without_steps(constants))


@functools.cache
def algorithms() -> Mapping[str, DeviceAlgorithm]:
    """Returns every algorithm by its name in the recipe.

    Raises:
        ValueError: two algorithms have the same name.
    """
    registered: dict[str, DeviceAlgorithm] = {}
    package = importlib.import_module(_PACKAGE)
    for module in pkgutil.iter_modules(package.__path__, f"{_PACKAGE}."):
        for algorithm in importlib.import_module(module.name).ALGORITHMS:
            if algorithm.name in registered:
                raise ValueError(f"two device algorithms are named {algorithm.name!r}: rename the one in {module.name}")
            registered[algorithm.name] = algorithm
    return registered


def algorithm_named(name: str) -> DeviceAlgorithm:
    """Returns an algorithm by its name in the recipe.

    Raises:
        ValueError: there is no such algorithm; the message lists the known names.
    """
    known = algorithms()
    if name not in known:
        raise ValueError(f"there is no device algorithm {name!r}: choose one of {', '.join(known)}")
    return known[name]
