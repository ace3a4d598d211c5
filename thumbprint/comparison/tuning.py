"""Chooses the settings of a method on validation users. Every method has the same number of trials.

The sampler is Optuna's TPE (Akiba et al. 2019), with a seed. The job's own settings are the first trial. Finished
trials are stored in an SQLite file, so that a stopped comparison continues after the last of them.
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
    """Returns the configuration with these values by path (such as `"history.discount"`), validated."""
    content = config.model_dump()
    for path, value in values.items():
        *parents, name = path.split(".")
        section = content
        for parent in parents:
            section = section[parent]
        section[name] = value
    return PersonalizationConfig.model_validate(content)


def value_at(config: PersonalizationConfig, path: str) -> Any:
    """Returns the value at a path; None if an option is not set."""
    value: Any = config.model_dump()
    for name in path.split("."):
        value = value.get(name)
        if value is None:
            return None
    return value


def _draw(trial: optuna.Trial, path: str, domain: Range | Choice) -> Any:
    if isinstance(domain, Choice):
        return trial.suggest_categorical(path, domain.values)
    return trial.suggest_float(path, domain.low, domain.high, log=domain.log)


def values_in_space(space: Mapping[str, Range | Choice], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values that lie in the search space: a study can only try these first."""
    return {path: value for path, value in values.items() if _contains(space[path], value)}


def _contains(domain: Range | Choice, value: Any) -> bool:
    if isinstance(domain, Choice):
        return value in domain.values
    return value is not None and domain.low <= value <= domain.high


def initial_config(
    job: PersonalizationConfig, method: str, federated_options: Mapping[str, object] | None = None
) -> PersonalizationConfig:
    """Returns the job's personalization settings for a method. Only methods that tune the swap margin have one.

    Args:
        federated_options: Changes of a variant to the settings of its rounds.
    """
    federated = job.federated.model_copy(update=dict(federated_options or {}))
    update: dict[str, object] = {"method": method, "federated": federated}
    if method != job.method:
        update["options"] = {}
    if "swap_margin" not in METHODS[method].space:
        update["swap_margin"] = 0.0
    return job.model_copy(update=update)


Objective = Callable[[PersonalizationConfig], float]


@dataclass(frozen=True)
class TuningResult:
    """The best trial.

    Attributes:
        config: The configuration with the best values.
        values: The best values, by path.
        utility: Their objective on the validation users; None without trials.
        trials: Number of finished trials; 0 if the method has nothing to choose.
    """

    config: PersonalizationConfig
    values: Mapping[str, Any]
    utility: float | None
    trials: int


def tune(
    name: str,
    initial: PersonalizationConfig,
    space: Mapping[str, Range | Choice],
    objective: Objective,
    *,
    trials: int,
    seed: int,
    storage: Path,
    on_trial: Callable[[int, float], None] = lambda number, value: None,
) -> TuningResult:
    """Searches `space` for the values with the largest `objective`.

    Args:
        name: Name of the study. The same name, storage and space continue a stopped study.
        initial: The values of the first trial, and all settings outside the space.
        storage: An SQLite file, created if missing.
        on_trial: Called with the number of finished trials and the objective of the last one.
    """
    if not space or trials < 1:
        return TuningResult(initial, {}, None, 0)
    storage.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{storage}",
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(3, trials // 3)),
    )
    for stale in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):  # left by a killed process
        study.tell(stale.number, state=optuna.trial.TrialState.FAIL)
    if not study.trials:
        study.enqueue_trial(values_in_space(space, {path: value_at(initial, path) for path in space}))

    def attempt(trial: optuna.Trial) -> float:
        values = {path: _draw(trial, path, domain) for path, domain in space.items()}
        return objective(with_values(initial, values))

    def report(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        on_trial(_finished_trials(study), float(trial.value or 0.0))

    study.optimize(attempt, n_trials=max(trials - _finished_trials(study), 0), callbacks=[report])
    best = study.best_trial
    return TuningResult(with_values(initial, best.params), best.params, best.value, _finished_trials(study))


def _finished_trials(study: optuna.Study) -> int:
    return len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))


LOSS_WEIGHT = 3.0
"""A mean without this weight chooses settings that pay for large gains of some users with losses of others."""


def utility(shared: Iterable[WordCounts], personal: Iterable[WordCounts]) -> float:
    """Returns the mean gain in recall@3 over users, in percentage points. Losses count threefold.

    Users without a tested word do not count. The result is 0 if no user counts.
    """
    pairs = zip(shared, personal, strict=True)
    gains = np.array([100 * (own.recall_at_3 - reference.recall_at_3) for reference, own in pairs if reference.words])
    return float(np.where(gains < 0, LOSS_WEIGHT * gains, gains).mean()) if gains.size else 0.0
