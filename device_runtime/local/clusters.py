"""The cluster whose adapter fits the owner best, then K steps from it.

Ghosh et al. 2020 (arXiv:2006.04088, IFCA), Algorithm 1, line 7: a client belongs to the cluster with the
least loss on its own text. One cluster is `steps`; 0 steps leave the cluster's own adapter. Until its
first adaptation a phone does not know its cluster and types on the first start.
"""

from __future__ import annotations

from collections.abc import Sequence

from device_runtime.adapter import Adapter
from device_runtime.engine import Engine
from device_runtime.local.fit import fittest
from device_runtime.local.steps import train
from device_runtime.manifest import Recipe
from keyboard_model.windows import Windows


def adapt(engine: Engine, recipe: Recipe, learnt: Windows, held_out: Windows, starts: Sequence[Adapter]) -> Adapter:
    """Returns the adapter trained from, and pulled to, the start with the least loss on `learnt`; ties to the first."""
    return train(engine, recipe, learnt, fittest(engine, learnt, starts))
