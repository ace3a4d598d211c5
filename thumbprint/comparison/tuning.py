"""Chooses the settings of a method on validation users. Every method has the same number of trials.

The settings of a trial are drawn at random (Bergstra and Bengio 2012) from the seed and the number of the trial, so all
folds try the same ones. The first trial has the job's own settings. Finished trials are stored in an SQLite file
(Optuna), so that a stopped comparison continues after the last of them.

`choose` takes the settings that are best for the validation users of all folds, without those that are new phones of
the fold in question. A choice therefore rests on more users than one fold has for tuning, and on none that it is
tested on.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from federated.algorithms.registry import METHODS
from federated.job import PersonalizationConfig
from federated.personalization.method import Choice, Range
from keyboard_model.metrics import WordCounts
from thumbprint.comparison.results import Frozen, Many, Setting


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


Objective = Callable[[PersonalizationConfig], Mapping[str, float]]
"""Returns what a configuration is worth to each validation user (`utilities`)."""


class Trial(Frozen):
    """Tried settings, by path, and what they were worth to each validation user."""

    values: dict[str, Setting]
    utilities: dict[str, float]


class MethodTrials(Frozen):
    """The trials of a method in one fold; none if it has nothing to choose."""

    name: str
    trials: Many[Trial]


@dataclass(frozen=True)
class TuningResult:
    """The settings with the largest mean utility.

    Attributes:
        values: The settings by path; empty if the method has nothing to choose.
        utility: Their mean utility over `users` validation users; None without trials.
        trials: Number of settings tried; 0 if the method has nothing to choose.
    """

    values: Mapping[str, Setting]
    utility: float | None
    users: int
    trials: int


def choose(trials_of_folds: Sequence[Sequence[Trial]], without: Container[str] = ()) -> TuningResult:
    """Returns the best of the tried settings; of equally good ones, the first.

    Args:
        trials_of_folds: The trials of each fold. All folds tried the same settings, in the same order.
        without: Users that do not count.
    """
    results = []
    for same in zip(*trials_of_folds, strict=True):
        worth = [value for trial in same for user, value in trial.utilities.items() if user not in without]
        results.append((same[0].values, float(np.mean(worth)) if worth else 0.0, len(worth)))
    if not results:
        return TuningResult({}, None, 0, 0)
    values, utility, users = max(results, key=lambda result: result[1])
    return TuningResult(values, utility, users, len(results))


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
) -> list[Trial]:
    """Tries settings of `space`, and returns what they are worth.

    Args:
        name: Name of the study. The same name, storage and space continue a stopped study.
        initial: The values of the first trial, and all settings outside the space.
        storage: An SQLite file, created if missing.
        on_trial: Called with the number of finished trials and the mean utility of the last one.
    """
    if not space or trials < 1:
        return []
    storage.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        study_name=name, storage=f"sqlite:///{storage}", load_if_exists=True, direction="maximize"
    )
    for stale in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):  # left by a killed process
        study.tell(stale.number, state=optuna.trial.TrialState.FAIL)
    own = values_in_space(space, {path: value_at(initial, path) for path in space})

    def attempt(trial: optuna.Trial) -> float:
        values = {path: _draw(trial, path, domain) for path, domain in space.items()}
        worth = objective(with_values(initial, values))
        trial.set_user_attr(_UTILITIES, dict(worth))
        return float(np.mean(list(worth.values()))) if worth else 0.0

    for number in range(len(_finished(study)), trials):
        study.sampler = optuna.samplers.RandomSampler(seed=(_MOST_TRIALS * seed + number) % 2**32)
        if not number and not study.get_trials(states=(optuna.trial.TrialState.WAITING,)):
            study.enqueue_trial(own)
        study.optimize(attempt, n_trials=1)
        on_trial(number + 1, float(_finished(study)[-1].value or 0.0))
    return [Trial(values=trial.params, utilities=trial.user_attrs[_UTILITIES]) for trial in _finished(study)[:trials]]


_UTILITIES = "utilities"
_MOST_TRIALS = 1000  # so far apart are the seeds of the draws of two jobs


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))


LOSS_WEIGHT = 3.0
"""A mean without this weight chooses settings that pay for large gains of some users with losses of others."""


def utilities(users: Iterable[tuple[str, WordCounts, WordCounts]]) -> dict[str, float]:
    """Returns the gain in recall@3 of each user, in percentage points. Losses count threefold.

    Args:
        users: (user, counts of the shared model, counts of the personal one). A user without a tested word is left out.
    """
    gains = {user: 100 * (own.recall_at_3 - shared.recall_at_3) for user, shared, own in users if shared.words}
    return {user: LOSS_WEIGHT * gain if gain < 0 else gain for user, gain in gains.items()}
