"""Checkpoints: the state of a run is saved every few rounds, so that a killed run can be resumed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated.run import RunError
from federated.training.callbacks.callback import Callback, Progress, RunState


class Checkpointing(Callback):
    """Saves the state of the run and of all callbacks, through TFF's program state manager.

    It must be the first callback of a run. It then restores the states before the other callbacks start, and saves a
    round after all of them have processed it.
    """

    def __init__(self, folder: Path, every: int, callbacks: Sequence[Callback]) -> None:
        """Saves a checkpoint to `folder` every `every` rounds, with the states of `callbacks`; keeps the newest two."""
        self._folder, self._every, self._callbacks = folder, every, callbacks
        self._manager = tff.program.FileProgramStateManager(folder, prefix="round_", keep_total=2, keep_first=False)
        self._saved = 0

    def on_start(self, run: RunState) -> None:
        """Restores the newest checkpoint, if there is one.

        Raises:
            RunError: the checkpoint was saved with other callbacks.
        """
        for leftover in self._folder.glob("round_*_temp*"):  # of an interrupted save
            shutil.rmtree(leftover, ignore_errors=True)
        structure = self._structure(run)
        try:
            leaves, self._saved = asyncio.run(self._manager.load_latest(_leaves(structure)))
        except (ValueError, TypeError) as error:
            raise RunError(
                f"the checkpoint in {self._folder} was saved with other callbacks: resume the run with the same ones"
            ) from error
        if leaves is None:
            return
        run.server, run.weights, progress, *states = tf.nest.pack_sequence_as(structure, leaves)
        values: list[Any] = [type(known)(value) for known, value in zip(Progress(), progress, strict=True)]
        run.resume(Progress(*values))
        for callback, state in zip(self._callbacks, states, strict=True):
            callback.restore(state)

    def before_round(self, run: RunState) -> None:
        self._save(run)

    def on_end(self, run: RunState) -> None:
        self._save(run)

    def _save(self, run: RunState) -> None:
        number = run.progress.round
        if number == self._saved or number % self._every:
            return
        try:
            asyncio.run(self._manager.save(_leaves(self._structure(run)), number))
        except (OSError, tf.errors.OpError) as error:
            raise RunError(
                f"cannot save the checkpoint of round {number} in {self._folder} (is the disk full?): "
                "free some space, then continue with --resume"
            ) from error
        self._saved = number

    def _structure(self, run: RunState) -> list[Any]:
        return [run.server, run.weights, run.progress, *(callback.state() for callback in self._callbacks)]


def _leaves(structure: list[Any]) -> list[Any]:
    """Flattens a state into a list for saving.

    With a current typing-extensions, TF 2.14 cannot save tuples. Python floats become float64, because a best recall
    that is rounded to float32 would differ from the original.
    """
    return [np.float64(leaf) if isinstance(leaf, float) else leaf for leaf in tf.nest.flatten(structure)]
