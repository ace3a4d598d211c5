"""Trains the shared model on text in one place, in plain TensorFlow. An interrupted training continues.

The steps are those of the centralized baseline (`federated.local_training.full_model`). The state is saved every few
minutes; what follows depends only on the state, so a resumed training ends at the same weights.
"""

from __future__ import annotations

import contextlib
import io
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from federated.local_training import full_model
from federated.local_training.full_model import AdamPass, AdamState
from federated.pretraining.encoded_text import EncodedText
from federated.pretraining.settings import CentralTrainingConfig
from federated.training.callbacks.server_weights import decay
from keyboard_model.batching import Batch
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.storage.durable_files import atomic_write
from keyboard_model.text.tokenizer import Tokenizer

STEPS = 50
"""Steps of one call, after which progress is reported."""
SAVE_SECONDS = 120.0
"""An interrupted training loses the work of this time."""


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        epoch: The pass over the text, from 1.
        step, steps: Steps done, of all.
        loss: Nats per piece in the last `STEPS` steps, each batch before its step.
        pieces_per_second: In these steps.
    """

    epoch: int
    step: int
    steps: int
    loss: float
    pieces_per_second: float


def train_on_text(
    text: EncodedText,
    initial: Parameters,
    tokenizer: Tokenizer,
    config: CentralTrainingConfig,
    *,
    seed: int,
    checkpoint: Path,
    identity: str,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
) -> Parameters:
    """Returns the trained weights as NumPy arrays.

    Args:
        text: What to train on.
        initial: The first weights.
        tokenizer: That of the text.
        seed: Decides the order of the lines.
        checkpoint: The file of an unfinished training, which continues. Delete it when the weights are stored.
        identity: Names text and settings: a checkpoint of another identity is ignored.
        on_progress: Called every `STEPS` steps.

    Raises:
        OSError: the checkpoint cannot be written.
    """
    in_epoch = text.number_of_batches(config.batch, config.window)
    steps = config.epochs * in_epoch
    state, done = _restored(checkpoint, identity, full_model.adam_start(initial, config.learning_rate))
    matrices = tf.TensorSpec([None, config.batch, config.window], tf.int32)

    @tf.function(input_signature=[tf.nest.map_structure(tf.TensorSpec.from_tensor, state), Batch(matrices, matrices)])
    def take_steps(state: AdamState, batches: Batch) -> AdamPass:
        return full_model.adam_pass(state, batches, clip=config.clip, dropout=config.dropout, bos=tokenizer.bos)

    saved_at = time.monotonic()
    for epoch in range(done // max(in_epoch, 1), config.epochs):
        shuffled = text.batches(
            np.random.default_rng([seed, epoch]),
            batch=config.batch,
            window=config.window,
            bos=tokenizer.bos,
            slot=tokenizer.slot,
            word_dropout=config.word_dropout,
            length=STEPS,
        )
        step = epoch * in_epoch
        for batches in shuffled:
            step += len(batches.tokens)
            if step <= done:  # of the session before
                continue
            began = time.monotonic()
            rate = config.learning_rate * decay(step, steps, config.decay_from)
            state.optimizer["learning_rate"] = tf.constant(rate, tf.float32)
            result = take_steps(state, batches)
            state, done = result.state, step
            seconds, targets = time.monotonic() - began, max(float(result.targets), 1.0)
            on_progress(TrainingProgress(epoch + 1, step, steps, float(result.loss_sum) / targets, targets / seconds))
            if time.monotonic() - saved_at >= SAVE_SECONDS:
                _save(checkpoint, identity, state, done)
                saved_at = time.monotonic()
    return Parameters(*(part.numpy() for part in state.parameters))


def _save(path: Path, identity: str, state: AdamState, done: int) -> None:
    content = io.BytesIO()
    parts = {f"part_{at}": part.numpy() for at, part in enumerate(tf.nest.flatten(state))}
    np.savez(content, identity=np.array(identity), done=np.int64(done), **parts)
    atomic_write(path, content.getvalue())


def _restored(path: Path, identity: str, start: AdamState) -> tuple[AdamState, int]:
    """Returns the saved state and its steps; `start` if there is none, or a damaged or another one."""
    start = tf.nest.map_structure(tf.convert_to_tensor, start)
    with contextlib.suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        saved = np.load(io.BytesIO(path.read_bytes()))
        if str(saved["identity"]) == identity:
            parts = [tf.constant(saved[f"part_{at}"]) for at in range(len(tf.nest.flatten(start)))]
            return tf.nest.pack_sequence_as(start, parts), int(saved["done"])
    return start, 0
