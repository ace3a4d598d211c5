"""Methods measured in TFF: each client's words under the shared and under its own model, by what they learnt.

The centralized reference: one training on everybody's messages, kept in the comparison's folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.numpy

from federated.algorithms.baselines import centralized
from federated.evaluation import shared_model
from federated.evaluation.personal_model import Tally, tallies
from federated.job import PersonalizationConfig
from federated.personalization.method import Method
from federated.personalization.program import TrainedMethod
from federated.runtime.tff_types import model_weights
from keyboard_model.metrics import WordCounts
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.storage.durable_files import atomic_write
from thumbprint.comparison.measure.setting import ComparisonSetup

User = tuple[str, Sequence[str], Sequence[str]]
"""(user, messages to learn from, messages to test on)."""


class Counts(NamedTuple):
    """One user's words under both models; no characters are counted in TFF."""

    user: str
    shared: WordCounts
    personal: WordCounts


class TffEvaluator:
    """Personalizes and tests users in TFF. The shared model is the same for every method: a text tests it once."""

    def __init__(self, setting: ComparisonSetup) -> None:
        self._setting = setting
        self._shared: dict[tuple[str, int, tuple[str, ...]], Tally] = {}

    def measured(
        self, method: Method, config: PersonalizationConfig, learnt: TrainedMethod, users: Sequence[User]
    ) -> Iterator[Counts]:
        """Personalizes and tests each user; users without a word to test are left out."""
        if not users:  # nothing to compile for
            return
        texts = {user: (messages, test) for user, messages, test in users}
        keys = {user: (user, config.window, tuple(test)) for user, _, test in users if test}
        known = {user: self._shared[key] for user, key in keys.items() if key in self._shared}
        found = tallies(
            method,
            self._setting.base,
            learnt,
            method.context(config, self._setting.tokenizer.bos),
            self._setting.tokenizer,
            list(texts),
            texts.__getitem__,
            shared_tallies=known if len(known) == len(keys) else None,
        )
        for one in found:
            self._shared[keys[one.client]] = one.shared
            if one.shared.counts.words:
                yield Counts(one.client, one.shared.counts, one.personal.counts)


def centralized_model(
    setting: ComparisonSetup, config: PersonalizationConfig, epochs: int, say: Callable[[str], None]
) -> TrainedMethod:
    """Trains the pooled model, or reads it where it was trained; of its epochs, the one that validates best.

    Its dropout is that of the federated training which it is a reference for, unless the method's options say another.
    """
    given = {"epochs": epochs, "dropout": setting.job.training.dropout, **config.options}
    options = centralized.CentralizedOptions.model_validate(given)
    start = centralized.METHOD.server(setting.base, centralized.METHOD.context(config, setting.tokenizer.bos))
    path = _path(setting, options)
    if not path.exists():
        trained = centralized.train(
            Parameters(*start),
            setting.clients,
            setting.tokenizer,
            options,
            judge=_judge(setting),
            on_slice=lambda done: say(f"epoch {done.epoch} of {done.epochs}, loss {done.loss:.3f}"),
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: np.ascontiguousarray(part) for name, part in trained._asdict().items()}
        atomic_write(path, safetensors.numpy.save(tensors))
    server = Parameters(**safetensors.numpy.load(path.read_bytes()))
    return TrainedMethod(server, lambda client: ())


def _path(setting: ComparisonSetup, options: centralized.CentralizedOptions) -> Path:
    key = hashlib.sha256(options.model_dump_json().encode()).hexdigest()[:12]
    return setting.folder / "personal" / f"centralized-{key}.safetensors"


def _judge(setting: ComparisonSetup) -> Callable[[Parameters], float]:
    """Loss in nats a word over the validation users, as the shared model's rounds are judged."""
    training = setting.job.training
    shape = training.batch, training.window
    evaluate = shared_model.build(setting.base.parameters, setting.tokenizer, *shape)
    data = [
        batches
        for user, _, _ in setting.validation()
        if (
            batches := shared_model.evaluation_batches(
                setting.tokenizer, setting.clients.training_messages(user), *shape
            )
        )
    ]

    def judge(parameters: Parameters) -> float:
        tallies = evaluate(model_weights(parameters), data)
        return float(sum(one["loss_sum"] for one in tallies)) / max(float(sum(one["words"] for one in tallies)), 1.0)

    return judge
