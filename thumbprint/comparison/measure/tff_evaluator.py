"""Evaluates methods in TFF: each user's words under the shared model and under the user's personal model.

Also trains the centralized reference on all users' messages, and stores it in the comparison's folder.
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
from federated.evaluation.personal_model import WordTally, tallies
from federated.job import PersonalizationConfig
from federated.personalization.method import Method
from federated.personalization.program import TrainedMethod
from federated.runtime.tff_types import model_weights
from keyboard_model.metrics import WordCounts
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.storage.durable_files import atomic_write
from thumbprint.comparison.measure.comparison_setup import ComparisonSetup

UserTest = tuple[str, Sequence[str], Sequence[str]]
"""(user, messages to learn from, messages to test on)."""


class UserCounts(NamedTuple):
    """One user's words under both models. Characters are not counted in TFF."""

    user: str
    shared: WordCounts
    personal: WordCounts


class TffEvaluator:
    """Personalizes and tests users in TFF. The shared model is tested once per text, because all methods share it."""

    def __init__(self, setup: ComparisonSetup) -> None:
        self._setup = setup
        self._shared: dict[tuple[str, int, tuple[str, ...]], WordTally] = {}

    def evaluate(
        self, method: Method, config: PersonalizationConfig, trained: TrainedMethod, users: Sequence[UserTest]
    ) -> Iterator[UserCounts]:
        """Personalizes and tests each user. Users without a word to test are left out."""
        if not users:  # avoids a compilation
            return
        texts = {user: (messages, test) for user, messages, test in users}
        keys = {user: (user, config.window, tuple(test)) for user, _, test in users if test}
        tested = {user: self._shared[key] for user, key in keys.items() if key in self._shared}
        results = tallies(
            method,
            self._setup.shared,
            trained,
            method.context(config, self._setup.tokenizer.bos),
            self._setup.tokenizer,
            list(texts),
            texts.__getitem__,
            shared_tallies=tested if len(tested) == len(keys) else None,
        )
        for user in results:
            self._shared[keys[user.client]] = user.shared
            if user.shared.counts.words:
                yield UserCounts(user.client, user.shared.counts, user.personal.counts)


def centralized_model(
    setup: ComparisonSetup, config: PersonalizationConfig, epochs: int, on_progress: Callable[[str], None]
) -> TrainedMethod:
    """Trains a model on all users' messages, or reads the stored one. Keeps the epoch with the best validation loss.

    Unless the method's options set it, the dropout is that of the federated training that this model is compared with.
    """
    values = {"epochs": epochs, "dropout": setup.job.training.dropout, **config.options}
    options = centralized.CentralizedOptions.model_validate(values)
    start = centralized.METHOD.server(setup.shared, centralized.METHOD.context(config, setup.tokenizer.bos))
    path = _path(setup, options)
    if not path.exists():
        trained = centralized.train(
            Parameters(*start),
            setup.clients,
            setup.tokenizer,
            options,
            validate=_validation_loss(setup),
            on_slice=lambda done: on_progress(f"epoch {done.epoch} of {done.epochs}, loss {done.loss:.3f}"),
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: np.ascontiguousarray(part) for name, part in trained._asdict().items()}
        atomic_write(path, safetensors.numpy.save(tensors))
    server = Parameters(**safetensors.numpy.load(path.read_bytes()))
    return TrainedMethod(server, lambda client: ())


def _path(setup: ComparisonSetup, options: centralized.CentralizedOptions) -> Path:
    key = hashlib.sha256(options.model_dump_json().encode()).hexdigest()[:12]
    return setup.folder / "personal" / f"centralized-{key}.safetensors"


def _validation_loss(setup: ComparisonSetup) -> Callable[[Parameters], float]:
    """Returns a function that computes a model's loss on the validation users, in nats per word."""
    training = setup.job.training
    shape = training.batch, training.window
    evaluate = shared_model.build(setup.shared.parameters, setup.tokenizer, *shape)
    data = [
        batches
        for user, _, _ in setup.validation_users()
        if (batches := shared_model.evaluation_batches(setup.tokenizer, setup.clients.training_messages(user), *shape))
    ]

    def loss(parameters: Parameters) -> float:
        tallies = evaluate(model_weights(parameters), data)
        return float(sum(one["loss_sum"] for one in tallies)) / max(float(sum(one["words"] for one in tallies)), 1.0)

    return loss
