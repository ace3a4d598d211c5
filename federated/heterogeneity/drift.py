"""How far a user's words of today are from their own of the past, against the floor of a random split."""

from __future__ import annotations

from federated.heterogeneity.divergence import Divergence, between_texts
from federated.heterogeneity.halves import Halves


def drift(half: Halves) -> Divergence:
    """Returns the divergence of a user's first words to their last, as many as a half has.

    The floor is that of halves drawn at random from the same messages: who writes today as ever stays at it. Messages
    of one conversation lie together in time, so that a little above the floor is no change of habit yet.
    """
    length = half.texts.shape[-1]
    return Divergence(between_texts(half.writer.words[:length], half.writer.words[-length:]), half.floor)
