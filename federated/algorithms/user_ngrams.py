"""The keyboard of today: the shared model mixed with the owner's own n-grams and word frequencies, on the phone.

Hierarchical Pitman-Yor smoothing with the shared model as its base measure (Teh 2006, eq. 5) and a cache
(Kuhn and De Mori 1990): see `device_runtime.prediction.user_model`. The weight of the owner's words grows with
their number; an empty history is `global_only`. There is nothing to train in rounds, and what is mixed in
lives on the phone alone, so TFF's view of it is the shared model.
"""

from __future__ import annotations

from federated.algorithms.baselines import global_only
from federated.personalization.method import Choice, Method, Range

HISTORY_SPACE: dict[str, Choice | Range] = {
    "history.cache_weight": Range(0.01, 0.3, log=True),
    "history.discount": Range(0.5, 0.95),
    "history.concentration_2": Range(3.0, 100.0, log=True),
    "history.concentration_3": Range(2.0, 50.0, log=True),
}
"""What every method that mixes in the owner's words has to choose; `swap_margin` is the brake on it."""

METHOD = Method(
    name="user_history",
    title="the owner's n-grams",
    paper="Teh 2006 (hierarchical Pitman-Yor), eq. 5; Kuhn and De Mori 1990 (cache)",
    personalize=global_only.personalize,
    phone=global_only.phone,
    history=True,
    space={**HISTORY_SPACE, "swap_margin": Choice((0.0, 0.25, 0.5))},
)
