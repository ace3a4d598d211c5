"""One method from its tuning to its rows in the report."""

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
from thumbprint.comparison.measure import costs
from thumbprint.comparison.measure.costs import storage
from thumbprint.comparison.measure.device_evaluator import DeviceEvaluator
from thumbprint.comparison.measure.history_effects import drift, scarcity
from thumbprint.comparison.measure.setting import ComparisonSetup
from thumbprint.comparison.measure.tff_evaluator import TffEvaluator, centralized_model
from thumbprint.comparison.results import Budget, ClientResult, Group, MethodResult
from thumbprint.comparison.tuning import Tuned, tune, utility, with_values

SCARCE = ("fine_tuning", "user_history", "thumbprint")
"""The methods whose gain is drawn against messages seen: the ones a product would ship."""
STORED = ("fine_tuning", "thumbprint")
"""The methods whose adapters are kept in every form."""
DRIFTING = ("fine_tuning", "ditto", "per_fedavg")

Report = Callable[[str, str], None]
"""Called with a method and what is being done for it, as it begins."""


@dataclass(frozen=True)
class MethodEvaluator:
    """Measures methods on one setting."""

    setting: ComparisonSetup
    budget: Budget
    phones: DeviceEvaluator
    in_tff: TffEvaluator
    say: Report

    def measure(
        self, name: str, method: Method, start: PersonalizationConfig, shown: Mapping[str, str]
    ) -> MethodResult:
        """Tunes a method on validation users, trains it, and measures it on users seen and new.

        Args:
            name: in the report; a variant's is `method+what`.
            start: the job's personalization, with the method (and what makes the variant) in it.
            shown: by new phone, what the shared model shows.
        """
        tuned = self._tuned(name, method, start)
        config = self._with_rounds(method, tuned.config, self.budget.rounds)
        self.say(name, "training")
        learnt = self._learnt(method, config)
        rows = self._seen(name, method, config, learnt)
        new_phones = self.setting.new_phones()
        if method.phone is None:
            rows += self._in_tff(method, config, learnt, new_phones, "new_phone")
        else:
            rows += self._on_phones(name, method, config, learnt, shown)
        result = MethodResult(
            name=name,
            paper=method.paper,
            where="phone" if method.phone else "tff",
            on_device=method.phone is not None,
            settings=dict(tuned.values),
            trials=tuned.trials,
            clients=tuple(rows),
            communication=costs.own_rounds(self.setting, method, config, learnt),
        )
        if not self.budget.beside:
            return result
        return result.model_copy(update=self._beside(name, method, config, learnt, new_phones))

    def _learnt(self, method: Method, config: PersonalizationConfig) -> TrainedMethod:
        if method is centralized.METHOD:
            return centralized_model(self.setting, config, self.budget.epochs, functools.partial(self.say, method.name))
        return self.setting.learn(method, config)

    def _tuned(self, name: str, method: Method, start: PersonalizationConfig) -> Tuned:
        begun = self._with_rounds(method, start, self.budget.tuning_rounds)
        decisive = hashlib.sha256(self.setting.model_digest + begun.model_dump_json().encode()).hexdigest()
        return tune(
            f"{name}-{decisive[:12]}",
            begun,
            dict(method.space),
            self._phone_objective(method) if method.history else self._tff_objective(method),
            trials=self.budget.trials,
            seed=self.setting.job.seed,
            storage=self.setting.folder / "tuning" / f"{name}.sqlite",
            on_trial=lambda number, value: self.say(name, f"trial {number} of {self.budget.trials} ({value:+.2f})"),
        )

    def _with_rounds(self, method: Method, config: PersonalizationConfig, rounds: int) -> PersonalizationConfig:
        """With the budget's rounds, where their number is not what the method has to choose."""
        if "federated.rounds" in method.space:
            return method.context(config, self.setting.tokenizer.bos).config
        return with_values(config, {"federated.rounds": rounds})

    def _tff_objective(self, method: Method) -> Callable[[PersonalizationConfig], float]:
        users = self.setting.validation()

        def objective(config: PersonalizationConfig) -> float:
            found = list(self.in_tff.measured(method, config, self.setting.learn(method, config), users))
            return utility((one.shared for one in found), (one.personal for one in found))

        return objective

    def _phone_objective(self, method: Method) -> Callable[[PersonalizationConfig], float]:
        def objective(config: PersonalizationConfig) -> float:
            bundle = self.phones.retuned(method, config, self.setting.learn(method, config))
            found = self.phones.shown_only(bundle, self.setting.simulated_validation(), tested=None)
            return utility((one.shared for one in found), (one.personal for one in found))

        return objective

    def _seen(
        self, name: str, method: Method, config: PersonalizationConfig, learnt: TrainedMethod
    ) -> list[ClientResult]:
        self.say(name, "users seen in training")
        return self._in_tff(method, config, learnt, self.setting.seen()[: self.budget.seen_users], "seen")

    def _in_tff(
        self, method: Method, config: PersonalizationConfig, learnt: TrainedMethod, users: Sequence[str], group: Group
    ) -> list[ClientResult]:
        clients, tested = self.setting.clients, self.budget.test_messages
        texts = [(user, clients.training_messages(user), clients.test_messages(user)[:tested]) for user in users]
        found = self.in_tff.measured(method, config, learnt, texts)
        return [
            self._row(one.user, group, one.personal).model_copy(update={"shared_hits_at_3": one.shared.hits_at_3})
            for one in found
        ]

    def _on_phones(
        self, name: str, method: Method, config: PersonalizationConfig, learnt: TrainedMethod, shown: Mapping[str, str]
    ) -> list[ClientResult]:
        self.say(name, "new phones")
        bundle = self.phones.bundle(name, method, config, learnt)
        return [
            self._row(one.user_id, "new_phone", one.personal, _swapped(one.personal_shown, shown[one.user_id]))
            for one in self.phones.new_phones(name, bundle, self.setting.new_phones())
            if one.personal.words
        ]

    def _row(self, user: str, group: Group, counts: WordCounts, swapped: tuple[int, int] | None = None) -> ClientResult:
        gained, lost = swapped or (None, None)
        return ClientResult(
            user_id=user,
            group=group,
            messages=self.setting.clients.corpus.message_count(user),
            words=counts.words,
            hits_at_1=counts.hits_at_1,
            hits_at_3=counts.hits_at_3,
            characters=counts.characters,
            characters_saved=counts.characters_saved,
            gained=gained,
            lost=lost,
        )

    def _beside(
        self, name: str, method: Method, config: PersonalizationConfig, learnt: TrainedMethod, users: Sequence[str]
    ) -> dict[str, object]:
        found: dict[str, object] = {}
        if name in SCARCE or name in STORED:
            self.say(name, "gain by messages seen, adapter by form")
            bundle = self.phones.bundle(name, method, config, learnt)
            if name in SCARCE:
                found["scarcity"] = tuple(scarcity(self.phones, bundle, users))
            if name in STORED:
                found["storage"] = tuple(storage(self.phones, bundle, users))
        if name in DRIFTING:
            self.say(name, "what it forgets")
            found["drift"] = tuple(drift(self.setting, self.in_tff, method, config, learnt, users))
        return found


def _swapped(own: str, reference: str) -> tuple[int, int]:
    """Words that only the one showed, and that only the other showed."""
    pairs = list(zip(own, reference, strict=True))
    return pairs.count(("1", "0")), pairs.count(("0", "1"))
