"""Tunes, trains and measures one method in one fold: everything from its settings to its rows in the report."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from federated.algorithms.baselines import centralized
from federated.job import PersonalizationConfig
from federated.personalization.method import Method
from federated.personalization.program import TrainedMethod
from keyboard_model.metrics import WordCounts
from keyboard_model.user_posterior import count_changes
from thumbprint.comparison.measure import costs
from thumbprint.comparison.measure.comparison_setup import ComparisonSetup
from thumbprint.comparison.measure.device_evaluator import DeviceEvaluator
from thumbprint.comparison.measure.tff_evaluator import TffEvaluator, centralized_model
from thumbprint.comparison.results import Budget, ClientResult, Group, MethodResult
from thumbprint.comparison.tuning import Objective, Trial, TuningResult, tune, utilities, with_values

SCARCITY_METHODS = ("fine_tuning", "user_history", "thumbprint")
"""The methods whose gain is measured by messages seen: those that a product would ship."""
STORAGE_METHODS = ("fine_tuning", "thumbprint")
"""The methods whose adapters are measured in every encoding."""
DRIFT_METHODS = ("fine_tuning", "ditto", "per_fedavg")

OnProgress = Callable[[str, str], None]
"""Called with the name of a method and the step that begins for it."""


@dataclass(frozen=True)
class MethodEvaluator:
    """Measures methods with one setup and one budget."""

    setup: ComparisonSetup
    budget: Budget
    phones: DeviceEvaluator
    in_tff: TffEvaluator
    on_progress: OnProgress

    def measure(
        self,
        name: str,
        method: Method,
        initial: PersonalizationConfig,
        tuned: TuningResult,
        reference_hits: Mapping[str, str],
    ) -> MethodResult:
        """Trains a method with the chosen settings, and measures it on seen users and new phones.

        Args:
            name: The name in the report: the method, or `method+what` for a variant.
            initial: The job's personalization settings for this method or variant.
            tuned: The chosen settings.
            reference_hits: See `DeviceEvaluator.reference_hits`.
        """
        config = self._with_rounds(method, with_values(initial, tuned.values), self.budget.rounds)
        self.on_progress(name, "training")
        trained = self._train(method, config)
        self.on_progress(name, "users seen in training")
        seen = self.setup.seen_users(self.budget.folds)[: self.budget.seen_users]
        if method.history:
            rows = self._seen_on_phones(name, method, config, trained, seen)
        else:
            rows = self._rows_in_tff(method, config, trained, seen, "seen")
        new_phones = self.setup.new_phones()
        if method.phone is None:
            rows += self._rows_in_tff(method, config, trained, new_phones, "new_phone")
        else:
            rows += self._rows_on_phones(name, method, config, trained, reference_hits)
        result = MethodResult(
            name=name,
            paper=method.paper,
            where="phone" if method.phone else "tff",
            seen_where="phone" if method.history else "tff",
            on_device=method.phone is not None,
            settings=dict(tuned.values),
            settings_by_fold=(dict(tuned.values),),
            trials=tuned.trials,
            clients=tuple(rows),
            communication=costs.communication(self.setup, method, config, trained),
        )
        if not self.budget.beside:
            return result
        return result.model_copy(update=self._measured_costs(name, method, config, trained, new_phones))

    def tune(self, name: str, method: Method, initial: PersonalizationConfig) -> list[Trial]:
        """Tries settings of a method on the validation users. See `measure` for the arguments."""
        first = self._with_rounds(method, initial, self.budget.tuning_rounds)
        digest = hashlib.sha256(self.setup.model_digest + first.model_dump_json().encode())
        digest.update(f"{self.setup.min_messages} {self.budget.test_messages}".encode())
        return tune(
            f"{name}-{digest.hexdigest()[:12]}",
            first,
            dict(method.space),
            self._objective_on_phones(method) if method.history else self._objective_in_tff(method),
            trials=self.budget.trials,
            seed=self.setup.job.seed,
            storage=self.setup.folder / "tuning" / f"{name}.sqlite",
            on_trial=lambda number, value: self.on_progress(
                name, f"trial {number} of {self.budget.trials} ({value:+.2f})"
            ),
        )

    def _with_rounds(self, method: Method, config: PersonalizationConfig, rounds: int) -> PersonalizationConfig:
        """Sets the budget's number of rounds, unless the method tunes this number."""
        if "federated.rounds" in method.space:
            return method.context(config, self.setup.tokenizer.bos).config
        return with_values(config, {"federated.rounds": rounds})

    def _objective_in_tff(self, method: Method) -> Objective:
        limit = self.budget.test_messages
        users = [(user, learn, test[:limit]) for user, learn, test in self.setup.validation_users()]

        def objective(config: PersonalizationConfig) -> Mapping[str, float]:
            return utilities(self.in_tff.evaluate(method, config, self.setup.train_method(method, config), users))

        return objective

    def _objective_on_phones(self, method: Method) -> Objective:
        def objective(config: PersonalizationConfig) -> Mapping[str, float]:
            bundle = self.phones.in_memory_bundle(method, config, self.setup.train_method(method, config))
            users = self.setup.simulated_validation_users()
            trials = self.phones.without_typing(bundle, users, self.budget.test_messages)
            return utilities((trial.user_id, trial.shared, trial.personal) for trial in trials)

        return objective

    def _train(self, method: Method, config: PersonalizationConfig) -> TrainedMethod:
        if method is centralized.METHOD:
            on_progress = functools.partial(self.on_progress, method.name)
            return centralized_model(self.setup, config, self.budget.epochs, on_progress)
        return self.setup.train_method(method, config)

    def _rows_in_tff(
        self, method: Method, config: PersonalizationConfig, trained: TrainedMethod, users: Sequence[str], group: Group
    ) -> list[ClientResult]:
        clients, limit = self.setup.clients, self.budget.test_messages
        tests = [(user, clients.training_messages(user), list(clients.test_messages(user)[:limit])) for user in users]
        return [
            self._row(user, group, personal).model_copy(update={"shared_hits_at_3": shared.hits_at_3})
            for user, shared, personal in self.in_tff.evaluate(method, config, trained, tests)
        ]

    def _rows_on_phones(
        self,
        name: str,
        method: Method,
        config: PersonalizationConfig,
        trained: TrainedMethod,
        reference_hits: Mapping[str, str],
    ) -> list[ClientResult]:
        self.on_progress(name, "new phones")
        bundle = self.phones.bundle(name, method, config, trained)
        rows = []
        for trial in self.phones.new_phones(name, bundle, self.setup.new_phones()):
            if trial.personal.words:
                changes = count_changes(trial.personal_shown, reference_hits[trial.user_id])
                row = self._row(trial.user_id, "new_phone", trial.personal, changes)
                hits = trial.prequential.hits_at_3 if trial.prequential else None
                rows.append(row.model_copy(update={"prequential_hits_at_3": hits}))
        return rows

    def _seen_on_phones(
        self, name: str, method: Method, config: PersonalizationConfig, trained: TrainedMethod, users: Sequence[str]
    ) -> list[ClientResult]:
        bundle = self.phones.bundle(name, method, config, trained)
        trials = self.phones.without_typing(bundle, self.setup.simulated_users(users), self.budget.test_messages)
        return [
            self._row(trial.user_id, "seen", trial.personal).model_copy(
                update={"shared_hits_at_3": trial.shared.hits_at_3}
            )
            for trial in trials
        ]

    def _row(self, user: str, group: Group, counts: WordCounts, changes: tuple[int, int] | None = None) -> ClientResult:
        gained, lost = changes or (None, None)
        return ClientResult(
            user_id=user,
            group=group,
            messages=self.setup.clients.corpus.message_count(user),
            words=counts.words,
            hits_at_1=counts.hits_at_1,
            hits_at_3=counts.hits_at_3,
            characters=counts.characters,
            characters_saved=counts.characters_saved,
            taps=counts.taps,
            gained=gained,
            lost=lost,
        )

    def _measured_costs(
        self, name: str, method: Method, config: PersonalizationConfig, trained: TrainedMethod, users: Sequence[str]
    ) -> dict[str, object]:
        results: dict[str, object] = {}
        if name in SCARCITY_METHODS or name in STORAGE_METHODS:
            self.on_progress(name, "gain by messages seen, adapter sizes")
            bundle = self.phones.bundle(name, method, config, trained)
            if name in SCARCITY_METHODS:
                results["scarcity"] = tuple(costs.scarcity(self.phones, bundle, users))
            if name in STORAGE_METHODS:
                results["storage"] = tuple(costs.storage(self.phones, bundle, users))
        if name in DRIFT_METHODS:
            self.on_progress(name, "forgetting")
            results["drift"] = tuple(costs.drift(self.setup, self.in_tff, method, config, trained, users))
        return results
