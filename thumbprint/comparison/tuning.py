"""A method's search space on a job's personalization: a path in it, and where its value is looked for.

Where a method's settings start from: the job's own, as far as they concern it.

Each method's hyperparameters, on validation users: the same number of trials for every method.

Optuna's TPE sampler (Akiba et al. 2019), seeded; the job's own settings are the first trial. Trials are kept
in an SQLite file as they finish, so that a comparison cut short goes on after the last of them.

What a setting is worth on validation users: the mean gain in recall@3, where a loss counts threefold.

A plain mean picks settings that pay for large gains of some with losses of others; the first question
asked of a keyboard is whom it hurts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from federated.algorithms.registry import METHODS
from federated.job import PersonalizationConfig
from federated.personalization.method import Choice, Range
from keyboard_model.metrics import WordCounts


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


def start_of(
    job: PersonalizationConfig, method: str, changes: Mapping[str, object] | None = None
) -> PersonalizationConfig:
    """Returns the job's personalization for a method; the phone's brake on swaps belongs to the methods that tune it.

    Args:
        changes: to its rounds, of a variant.
    """
    update: dict[str, object] = {"method": method, "federated": job.federated.model_copy(update=dict(changes or {}))}
    if method != job.method:
        update["options"] = {}
    if "swap_margin" not in METHODS[method].space:
        update["swap_margin"] = 0.0
    return job.model_copy(update=update)


Objective = Callable[[PersonalizationConfig], float]


@dataclass(frozen=True)
class Tuned:
    """The best of the trials.

    Attributes:
        config: With the best values in.
        values: Those values, by path.
        utility: What they came to on the validation users (`utility.utility`).
        trials: How many were tried; 0 where the method has nothing to choose.
    """

    config: PersonalizationConfig
    values: Mapping[str, Any]
    utility: float | None
    trials: int


def tune(
    name: str,
    start: PersonalizationConfig,
    space: Mapping[str, Range | Choice],
    objective: Objective,
    *,
    trials: int,
    seed: int,
    storage: Path,
    on_trial: Callable[[int, float], None] = lambda number, value: None,
) -> Tuned:
    """Looks for the values in `space` that `objective` likes best.

    Args:
        name: of the study; the same name, storage and space go on where they were.
        start: what is not in the space, and the values of the first trial.
        storage: an SQLite file, made where missing.
        on_trial: called with the number of trials done and the last one's value.
    """
    if not space or trials < 1:
        return Tuned(start, {}, None, 0)
    storage.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{storage}",
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(3, trials // 3)),
    )
    for stale in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):  # of a process that was killed
        study.tell(stale.number, state=optuna.trial.TrialState.FAIL)
    if not study.trials:
        study.enqueue_trial(inside(space, {path: value_at(start, path) for path in space}))

    def attempt(trial: optuna.Trial) -> float:
        return objective(with_values(start, suggested(trial, space)))

    def done(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        on_trial(finished(study), float(trial.value or 0.0))

    study.optimize(attempt, n_trials=max(trials - finished(study), 0), callbacks=[done])
    best = study.best_trial
    return Tuned(with_values(start, best.params), best.params, best.value, finished(study))


def finished(study: optuna.Study) -> int:
    """How many trials came to an end."""
    return len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))


LOSS_WEIGHT = 3.0


def utility(shared: Iterable[WordCounts], personal: Iterable[WordCounts]) -> float:
    """Mean over users with words of the gain in recall@3, in points of a hundred; 0 for nobody."""
    pairs = zip(shared, personal, strict=True)
    gains = np.array([100 * (own.recall_at_3 - all_.recall_at_3) for all_, own in pairs if all_.words])
    return float(np.where(gains < 0, LOSS_WEIGHT * gains, gains).mean()) if gains.size else 0.0
