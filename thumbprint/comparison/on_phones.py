"""Methods measured on simulated phones: the very bundle that an app would ship."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from device_runtime.adapter import Adapter
from device_runtime.bundle import Bundle, load_bundle
from device_runtime.held_out import SimulatedUser, TrialPlan
from device_runtime.report import FailedUser
from device_runtime.simulator import run_trials
from device_runtime.trial import Trial
from federated.job import PersonalizationConfig
from federated.method import Method
from federated.personal_program import Learnt
from thumbprint.comparison.keys import KeyPair
from thumbprint.comparison.setting import Setting
from thumbprint.export_run import export_method, phone_part, recipe_of

WORKERS = 2


def bundle_of(
    setting: Setting, method: Method, config: PersonalizationConfig, learnt: Learnt, keys: KeyPair, path: Path
) -> Bundle:
    """Exports what a method comes to as a signed bundle, and reads it as a phone would.

    Raises:
        ExportError: the method does not run on a phone, or the model differs from the trained one.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        job = setting.job.model_copy(update={"name": method.name, "personalization": config})
        export_method(setting.run, job, method, learnt, path, keys.private)
    return load_bundle(path, keys.public)


def retuned(bundle: Bundle, setting: Setting, method: Method, config: PersonalizationConfig, learnt: Learnt) -> Bundle:
    """The bundle in memory with another recipe and other starts: tuning tries many without converting the model again.

    Of a method that leaves the shared layers as they are in `bundle`.
    """
    part = phone_part(method, setting.base, learnt, method.plan(config, setting.tokenizer.bos))
    starts = tuple(Adapter(start.lora_a, start.lora_b, start.bias) for start in part.starts)
    manifest = bundle.manifest.model_copy(update={"recipe": recipe_of(config, method, part)})
    return replace(bundle, manifest=manifest, starts=starts)


def trials(
    bundle: Bundle,
    users: Iterable[SimulatedUser],
    plan: TrialPlan,
    folder: Path | None = None,
    on_user: Callable[[str], None] | None = None,
) -> tuple[list[Trial], list[FailedUser]]:
    """Gives each user a phone; `folder` keeps finished trials for a run that is cut short."""
    return run_trials(bundle, users, folder=folder, plan=plan, workers=WORKERS, progress=on_user)
