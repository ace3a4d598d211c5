"""The centralized reference: one training on everybody's messages, kept in the comparison's folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.numpy

from federated import centralized, evaluation, fed_avg
from federated.job import PersonalizationConfig
from federated.personal_program import Learnt
from keyboard_model.atomic import write_whole
from keyboard_model.language_model import Parameters
from thumbprint.comparison.setting import Setting


def centralized_model(
    setting: Setting, config: PersonalizationConfig, epochs: int, say: Callable[[str], None]
) -> Learnt:
    """Trains the pooled model, or reads it where it was trained; of its epochs, the one that validates best.

    Its dropout is that of the federated training which it is a reference for, unless the method's options say another.
    """
    given = {"epochs": epochs, "dropout": setting.job.training.dropout, **config.options}
    options = centralized.CentralizedOptions.model_validate(given)
    start = centralized.METHOD.server(setting.base, centralized.METHOD.plan(config, setting.tokenizer.bos))
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
        write_whole(path, safetensors.numpy.save(tensors))
    server = Parameters(**safetensors.numpy.load(path.read_bytes()))
    return Learnt(server, lambda client: (), 0)


def _path(setting: Setting, options: centralized.CentralizedOptions) -> Path:
    key = hashlib.sha256(options.model_dump_json().encode()).hexdigest()[:12]
    return setting.folder / "personal" / f"centralized-{key}.safetensors"


def _judge(setting: Setting) -> Callable[[Parameters], float]:
    """Loss in nats a word over the validation users, as the shared model's rounds are judged."""
    training = setting.job.training
    shape = training.batch, training.window
    evaluate = evaluation.build(setting.base.parameters, setting.tokenizer, *shape)
    data = [
        batches
        for user, _, _ in setting.validation()
        if (
            batches := evaluation.evaluation_batches(setting.tokenizer, setting.clients.training_messages(user), *shape)
        )
    ]

    def judge(parameters: Parameters) -> float:
        tallies = evaluate(fed_avg.model_weights(parameters), data)
        return float(sum(one["loss_sum"] for one in tallies)) / max(float(sum(one["words"] for one in tallies)), 1.0)

    return judge
