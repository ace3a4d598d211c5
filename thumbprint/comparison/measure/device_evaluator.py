"""Methods measured on simulated phones: the very bundle that an app would ship.

The key pair that a comparison signs its own bundles with: they never leave its folder.
"""

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
from thumbprint.comparison.measure.setting import ComparisonSetup
from thumbprint.comparison.results import REFERENCE
from thumbprint.comparison.tuning import start_of
from thumbprint.pipeline.export import export_method, phone_part, recipe_of


@dataclass(frozen=True)
class KeyPair:
    private: Path
    public: Path

    @classmethod
    def kept_in(cls, folder: Path) -> KeyPair:
        """Returns the pair in `folder`, made where there is none."""
        pair = cls(folder / PRIVATE_NAME, folder / PUBLIC_NAME)
        if not pair.private.exists() or not pair.public.exists():
            SigningKeys.generate(folder)
        return pair


_WORKERS = 2


@dataclass(frozen=True)
class DeviceEvaluator:
    """Exports what methods come to, and gives users phones with it.

    Attributes:
        keys: Signs the bundles.
        start: The job's personalization.
        tested: Messages of a user that test; None = all.
    """

    setting: ComparisonSetup
    keys: KeyPair
    start: PersonalizationConfig
    tested: int | None

    def bundle(self, name: str, method: Method, config: PersonalizationConfig, learnt: TrainedMethod) -> Bundle:
        """The method's signed bundle as a phone reads it, exported once for the same model and settings.

        Raises:
            ExportError: the method does not run on a phone, or the model differs from the trained one.
        """
        config = method.context(config, self.setting.tokenizer.bos).config
        decisive = hashlib.sha256(self.setting.model_digest + config.model_dump_json().encode()).hexdigest()
        path = self.setting.folder / "bundles" / f"{name}-{decisive[:12]}.bundle"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            job = self.setting.job.model_copy(update={"name": method.name, "personalization": config})
            export_method(self.setting.run, job, method, learnt, path, self.keys.private)
        return load_bundle(path, self.keys.public)

    @functools.cached_property
    def shared(self) -> Bundle:
        """The bundle that personalizes nothing."""
        method, config = METHODS[REFERENCE], start_of(self.start, REFERENCE)
        return self.bundle(REFERENCE, method, config, self.setting.learn(method, config))

    def retuned(self, method: Method, config: PersonalizationConfig, learnt: TrainedMethod) -> Bundle:
        """`shared` in memory with another recipe and other starts: tuning tries many without a conversion each.

        Of a method that leaves the shared layers as they are.
        """
        part = phone_part(method, self.setting.base, learnt, method.context(config, self.setting.tokenizer.bos))
        starts = tuple(Adapter(start.lora_a, start.lora_b, start.bias) for start in part.starts)
        manifest = self.shared.manifest.model_copy(update={"recipe": recipe_of(config, method, part)})
        return replace(self.shared, manifest=manifest, starts=starts)

    def new_phones(self, name: str, bundle: Bundle, users: Sequence[str]) -> list[Trial]:
        """Gives each user a phone; finished trials are kept under `name` for a comparison that is cut short."""
        folder = self.setting.folder / "phones" / name
        folder.mkdir(parents=True, exist_ok=True)
        plan = TrialPlan(self.setting.clients.train_share, tested=self.tested)
        return run_trials(bundle, self.setting.simulated(users), folder=folder, plan=plan, workers=_WORKERS)[0]

    def shown_by_reference(self) -> dict[str, str]:
        """By new phone, what the shared model shows: see `Trial.personal_shown`."""
        trials = self.new_phones(REFERENCE, self.shared, self.setting.new_phones())
        return {trial.user_id: trial.personal_shown for trial in trials}

    def shown_only(
        self, bundle: Bundle, users: Iterable[SimulatedUser], tested: int | None, seen: int | None = None
    ) -> list[Trial]:
        """Trials without typing: what is shown before a word is begun. Users without a word to test are left out.

        Args:
            tested, seen: see `TrialPlan`.
        """
        plan = TrialPlan(self.setting.clients.train_share, seen=seen, tested=tested, keystrokes=False)
        found, _ = run_trials(bundle, users, plan=plan, workers=_WORKERS)
        return [trial for trial in found if trial.shared.words]
