"""How far one local step moves an adapter: one value for the phone, TensorFlow and the exported model."""

from __future__ import annotations

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
