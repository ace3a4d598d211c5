"""Each method's hyperparameters, on validation users: the same number of trials for every method.

Optuna's TPE sampler (Akiba et al. 2019), seeded; the job's own settings are the first trial. Trials are kept
in an SQLite file as they finish, so that a comparison cut short goes on after the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from federated.job import PersonalizationConfig
from federated.method import Choice, Range
from thumbprint.comparison.settings_space import inside, suggested, value_at, with_values

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
