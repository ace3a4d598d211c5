"""Takes the one of several start adapters that fits the owner best, or mixes them, then takes K steps from there.

    clusters    S = the start with the least loss on the owner's messages (Ghosh et al. 2020, arXiv:2006.04088, IFCA,
                Algorithm 1, line 7)
    fed_em      S = Σ_m π_m·θ_m over the starts, π the weights of the mixture Σ_m π_m·p(· | θ_m) that fits the messages
                best, found by EM (Marfoq et al. 2021, arXiv:2108.10252, FedEM, Algorithm 1, with the components fixed)

With one start both are `steps`. Before its first adaptation, a phone does not know its owner and uses the first start.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from device_runtime.adaptation.local_steps import best_adapter, log_probs, train
from device_runtime.adapter.adapter import Adapter
from device_runtime.adapter.encodings import NAMES
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching import Windows

Floats = npt.NDArray[np.float64]


def choose(
    engine: TrainingEngine, recipe: Recipe, training: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the adapter after K steps from the start with the least loss on `training`.

    The pull is towards that start. Of a tie, the first start is taken. `held_out` is not used.
    """
    return train(engine, recipe, training, best_adapter(engine, training, starts))


def mix(
    engine: TrainingEngine, recipe: Recipe, training: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the adapter after K steps from the starts' weighted mean, pulled to it.

    `constants["iterations"]` is the number of EM steps on the weights, which begin equal. `held_out` is not used.
    """
    logs = np.stack([log_probs(engine, training, start) for start in starts], axis=1)
    weights = mixture_weights(logs, int(recipe.constants["iterations"]))
    mean = {
        name: sum(weight * start.tensors()[name] for weight, start in zip(weights, starts, strict=True))
        for name in NAMES
    }
    engine.rest()  # so that evaluation and training never hold their memory at the same time
    return train(engine, recipe, training, Adapter(**mean))


def mixture_weights(logs: Floats, iterations: int) -> Floats:
    """Returns the weights of a mixture after EM steps from equal weights, `[M]`; without targets they stay equal.

    Args:
        logs: `[N,M]`, the log-probability of each target under each component.

    >>> mixture_weights(np.log([[0.2, 0.1], [0.2, 0.4], [0.3, 0.6]]), 1).round(4).tolist()  # 2/3, 1/3 and 1/3
    [0.4444, 0.5556]
    """
    targets, components = logs.shape
    weights = np.full(components, 1.0 / components)
    relative = np.exp(logs - logs.max(axis=1, keepdims=True))
    for _ in range(iterations if targets else 0):
        joint = weights * relative
        weights = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
    return weights


ALGORITHMS = (  # even with 0 steps a phone can choose any of the starts, or mix them
    DeviceAlgorithm("clusters", choose, several_starts=True),
    DeviceAlgorithm("fed_em", mix, constants={"iterations": (0, 1000)}, several_starts=True),
)
