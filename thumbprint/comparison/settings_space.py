"""A method's search space on a job's personalization: a path in it, and where its value is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna

from federated.job import PersonalizationConfig
from federated.method import Choice, Range


def with_values(config: PersonalizationConfig, values: Mapping[str, Any]) -> PersonalizationConfig:
    """Returns the configuration with other values at these paths (`"history.discount"`), validated."""
    content = config.model_dump()
    for path, value in values.items():
        *parents, name = path.split(".")
        place = content
        for parent in parents:
            place = place[parent]
        place[name] = value
    return PersonalizationConfig.model_validate(content)


def value_at(config: PersonalizationConfig, path: str) -> Any:
    """Returns what stands at a path, None where an option is not set."""
    place: Any = config.model_dump()
    for name in path.split("."):
        place = place.get(name)
        if place is None:
            return None
    return place


def suggested(trial: optuna.Trial, space: Mapping[str, Range | Choice]) -> dict[str, Any]:
    """Draws one value for each path."""
    return {path: _suggested(trial, path, where) for path, where in space.items()}


def _suggested(trial: optuna.Trial, path: str, where: Range | Choice) -> Any:
    if isinstance(where, Choice):
        return trial.suggest_categorical(path, where.values)
    return trial.suggest_float(path, where.low, where.high, log=where.log)


def inside(space: Mapping[str, Range | Choice], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of the values that the space holds: what a study can be asked to try first."""
    kept = {}
    for path, value in values.items():
        where = space[path]
        if _holds(where, value):
            kept[path] = value
    return kept


def _holds(where: Range | Choice, value: Any) -> bool:
    if isinstance(where, Choice):
        return value in where.values
    return value is not None and where.low <= value <= where.high
