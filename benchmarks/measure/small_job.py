"""A training job of minutes, for benchmarks that compare whole trainings, and what its models suggest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.measure.user_counts import counts_of
from federated.data.federated_data import FederatedData
from federated.job import DataConfig, Job, ModelConfig, NgramConfig, PersonalizationConfig, TrainingConfig
from federated.job import TokenizerConfig as Vocabulary
from federated.run import Run
from federated.runtime.execution_context import execution_context
from keyboard_model.metrics import WordCounts

_TESTED = 60
"""Most test messages of a user."""


def small_job(rounds: int, *, fold: int = 0, **training: Any) -> Job:
    """Returns a job for a small shared model without n-grams, of which only the last round is evaluated.

    Args:
        rounds: Its length.
        fold: See `DataConfig`.
        training: Other options of `TrainingConfig`.
    """
    return Job(
        seed=0,
        data=DataConfig(validation_share=0.1, fold=fold),
        tokenizer=Vocabulary(vocab_size=2048),
        model=ModelConfig(embedding=48, cells=128),
        training=TrainingConfig(
            rounds=rounds, max_windows=32, average=0.95, evaluate_every=rounds, checkpoint_every=50, **training
        ),
        ngram=NgramConfig(weight=0.0),
        personalization=PersonalizationConfig(method="global_only"),
    )


def words_of(run: Run, data: FederatedData, users: Iterable[str]) -> dict[str, WordCounts]:
    """Returns how many words of the users' test messages the neural model of a finished run suggests, by user."""
    model = run.parameters("last")
    with execution_context():
        return counts_of(users, data, model, run.tokenizer(), messages=_TESTED)(model)
