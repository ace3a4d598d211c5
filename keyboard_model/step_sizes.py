"""How many local steps an adaptation takes, and how far one moves an adapter, for the phone and for TensorFlow."""

from __future__ import annotations

import math
from typing import NamedTuple


class StepSizes(NamedTuple):
    """How one local step moves the adapter. Inside TensorFlow each field is a float32 scalar tensor.

    learning_rate: of the low-rank part; 0 leaves it as it is.
    bias_rate: of the bias; 0 leaves it as it is. The gradient of a piece's bias is smaller than that of a feature,
        by about the frequency of the piece, so the bias needs its own rate.
    proximal: λ of the pull λ/2·‖θ − θ_anchor‖² (Li et al. 2021, Ditto, eq. 2). 0 is plain fine-tuning; the larger
        λ is, the closer the adapter stays to the anchor.
    clip: largest L2 norm of the cross-entropy's gradient.
    """

    learning_rate: float
    bias_rate: float
    proximal: float
    clip: float


def number_of_steps(steps: int, passes: float, batches: int) -> int:
    """Returns K, the number of local steps over the repeated batches of an owner.

    Args:
        steps: The smallest K; with 0 there are no steps at all.
        passes: The smallest number of passes over the batches.
        batches: The number of batches; without any there is no step.

    >>> number_of_steps(10, 1.0, 4), number_of_steps(10, 1.0, 300)
    (10, 300)
    """
    return max(steps, math.ceil(passes * batches)) if steps and batches else 0


def rate_share(steps: int, number: int) -> float:
    """Returns what both rates are multiplied by if an adaptation takes `number` steps instead of `steps`: √(steps / K).

    K steps of a constant size have the best bound on their error with a size proportional to 1 / √K (Nemirovski et al.
    2009, Robust stochastic approximation approach to stochastic programming, section 2.2).
    """
    return math.sqrt(steps / number) if number else 0.0
