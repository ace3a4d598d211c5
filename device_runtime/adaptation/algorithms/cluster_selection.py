"""Takes the cluster adapter that fits the owner best, then K steps from it.

Ghosh et al. 2020 (arXiv:2006.04088, IFCA), Algorithm 1, line 7: a client belongs to the cluster with the least loss on
its own messages. With one cluster this is `steps`; with 0 steps it returns the cluster's own adapter. Before its first
adaptation, a phone does not know its cluster and uses the first start.
"""

from __future__ import annotations

from collections.abc import Sequence

from device_runtime.adaptation.local_steps import best_adapter, train
from device_runtime.adapter.adapter import Adapter
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching.windows import Windows


def adapt(
    engine: TrainingEngine, recipe: Recipe, training: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the adapter after `recipe.steps` steps from the start with the least loss on `training`.

    The pull is towards that start. Of a tie, the first start is taken. `held_out` is not used.
    """
    return train(engine, recipe, training, best_adapter(engine, training, starts))


ALGORITHM = DeviceAlgorithm(
    "clusters",
    adapt,
    several_starts=True,  # even with 0 steps a phone can choose any of the starts
)
