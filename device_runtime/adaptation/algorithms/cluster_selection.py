"""The cluster whose adapter fits the owner best, then K steps from it.

Ghosh et al. 2020 (arXiv:2006.04088, IFCA), Algorithm 1, line 7: a client belongs to the cluster with the
least loss on its own text. One cluster is `steps`; 0 steps leave the cluster's own adapter. Until its
first adaptation a phone does not know its cluster and types on the first start.

Which of several adapters fits a text best.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from device_runtime.adaptation.algorithms.fine_tuning import train
from device_runtime.adaptation.algorithms.local_steps import log_probs
from device_runtime.adapter.adapter import Adapter
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching.windows import Windows


def best_adapter(engine: TrainingEngine, windows: Windows, candidates: Iterable[Adapter]) -> Adapter:
    """Returns the adapter with the least mean loss a counted target; ties, and a text without any, to the first."""

    def loss(adapter: Adapter) -> float:
        return -float(log_probs(engine, windows, adapter).sum())

    best = min(candidates, key=loss)
    engine.rest()  # so that judging and training never fill the phone's memory together
    return best


def adapt(
    engine: TrainingEngine, recipe: Recipe, learnt: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the adapter trained from, and pulled to, the start with the least loss on `learnt`; ties to the first."""
    return train(engine, recipe, learnt, best_adapter(engine, learnt, starts))


ALGORITHM = DeviceAlgorithm(
    "clusters",
    adapt,
    several_starts=True,  # each start is an adapter that a phone may choose without a step
)
