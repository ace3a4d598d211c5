"""Evaluates methods on simulated phones, with the bundle that an app would ship."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from device_runtime.adapter.adapter import Adapter
from device_runtime.bundle.loader import Bundle, load_bundle
from device_runtime.bundle.signing_keys import PRIVATE_NAME, PUBLIC_NAME, SigningKeys
from device_runtime.simulation.held_out import SimulatedUser, TrialPlan
from device_runtime.simulation.simulator import run_trials
from device_runtime.simulation.trial import Trial
from federated.algorithms.registry import METHODS
from federated.job import PersonalizationConfig
from federated.personalization.method import Method
from federated.personalization.program import TrainedMethod
from tflite_export.export import Converter, remembering
from thumbprint.comparison.measure.comparison_setup import ComparisonSetup
from thumbprint.comparison.results import REFERENCE
from thumbprint.comparison.tuning import initial_config
from thumbprint.pipeline.export import export_method, phone_part, recipe_of
from thumbprint.pipeline.mixing import Coefficients, mixing_of, train_mixing

_WORKERS = 2


def comparison_keys(folder: Path) -> SigningKeys:
    """Returns the keys that sign the bundles of one comparison. They are generated if missing, and stay in `folder`."""
    keys = SigningKeys(folder / PRIVATE_NAME, folder / PUBLIC_NAME)
    if keys.private.exists() and keys.public.exists():
        return keys
    return SigningKeys.generate(folder)


@dataclass(frozen=True)
class DeviceEvaluator:
    """Exports trained methods, and runs them on the phones of users.

    Attributes:
        keys: Sign the bundles.
        initial: The personalization settings of the job.
        test_messages: Most messages of a user that are tested; None = all.
    """

    setup: ComparisonSetup
    keys: SigningKeys
    initial: PersonalizationConfig
    test_messages: int | None

    @functools.cached_property
    def _converter(self) -> Converter:
        return remembering()

    def bundle(self, name: str, method: Method, config: PersonalizationConfig, trained: TrainedMethod) -> Bundle:
        """Returns the signed bundle of a method as a phone reads it. The same model and settings are exported once.

        Raises:
            ExportError: the method does not run on a phone, or the exported model differs from the trained one.
        """
        config = method.context(config, self.setup.tokenizer.bos).config
        digest = hashlib.sha256(self.setup.model_digest + config.model_dump_json().encode()).hexdigest()
        path = self.setup.folder / "bundles" / f"{name}-{digest[:12]}.bundle"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            job = self.setup.job.model_copy(update={"name": method.name, "personalization": config})
            mixing = self._mixing(method, config, trained)
            keys, converter = self.keys.private, self._converter
            export_method(self.setup.run, job, method, trained, path, keys, mixing=mixing, converter=converter)
        return load_bundle(path, self.keys.public)

    @functools.cached_property
    def reference(self) -> Bundle:
        """The bundle without personalization."""
        method, config = METHODS[REFERENCE], initial_config(self.initial, REFERENCE)
        return self.bundle(REFERENCE, method, config, self.setup.train_method(method, config))

    def in_memory_bundle(self, method: Method, config: PersonalizationConfig, trained: TrainedMethod) -> Bundle:
        """Returns `reference` with another recipe and other start adapters, for a trial of the tuning.

        This avoids a conversion for each trial. The method must not change the shared layers.
        """
        return self._with_recipe(method, config, trained, self._mixing(method, config, trained))

    def _mixing(self, method: Method, config: PersonalizationConfig, trained: TrainedMethod) -> Coefficients | None:
        job = self.setup.job.model_copy(update={"personalization": config})

        def make() -> Coefficients:
            bundle = self._with_recipe(method, config, trained, None)
            return train_mixing(self.setup.run, job, bundle, self.setup.clients)

        return mixing_of(self.setup.run, job, method, make)

    def _with_recipe(
        self, method: Method, config: PersonalizationConfig, trained: TrainedMethod, mixing: Coefficients | None
    ) -> Bundle:
        part = phone_part(method, self.setup.shared, trained, method.context(config, self.setup.tokenizer.bos))
        starts = tuple(Adapter(start.lora_a, start.lora_b, start.bias) for start in part.starts)
        manifest = self.reference.manifest.model_copy(update={"recipe": recipe_of(config, method, part, mixing)})
        return replace(self.reference, manifest=manifest, starts=starts)

    def new_phones(self, name: str, bundle: Bundle, users: Sequence[str]) -> list[Trial]:
        """Gives each user a phone. Finished trials are stored under `name`, so that a stopped comparison can resume.

        The shared keyboard is not tested: its words are those of the personal keyboard of `REFERENCE`.
        """
        folder = self.setup.folder / "phones" / name
        folder.mkdir(parents=True, exist_ok=True)
        plan = TrialPlan(self.setup.clients.train_share, tested=self.test_messages, shared=False)
        return run_trials(bundle, self.setup.simulated_users(users), folder=folder, plan=plan, workers=_WORKERS)[0]

    def reference_hits(self) -> dict[str, str]:
        """Returns which words the shared model shows, by user of a new phone: see `Trial.personal_shown`."""
        trials = self.new_phones(REFERENCE, self.reference, self.setup.new_phones())
        return {trial.user_id: trial.personal_shown for trial in trials}

    def without_typing(
        self, bundle: Bundle, users: Iterable[SimulatedUser], tested: int | None, seen: int | None = None
    ) -> list[Trial]:
        """Runs frozen trials of suggestions before a word is begun. Users without a word to test are left out.

        Args:
            tested, seen: See `TrialPlan`.
        """
        plan = TrialPlan(self.setup.clients.train_share, seen=seen, tested=tested, prequential=False, keystrokes=False)
        trials, _ = run_trials(bundle, users, plan=plan, workers=_WORKERS)
        return [trial for trial in trials if trial.shared.words]
