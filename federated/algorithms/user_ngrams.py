"""The shared model mixed with the owner's own n-grams and word frequencies on the phone, as today's keyboards do it.

Hierarchical Pitman-Yor smoothing with the shared model as its base measure (Teh 2006, eq. 5), and a cache (Kuhn and
De Mori 1990): see `device_runtime.prediction.user_model`. The weight of the owner's words grows with their number. With
an empty history this is `global_only`. It has no rounds, and the n-grams are only on the phone, so in TFF its personal
model is the shared model.
"""

from __future__ import annotations

from federated.algorithms.baselines import global_only
from federated.personalization.method import Choice, Method, Range

METHOD = Method(
    name="user_history",
    title="the owner's n-grams",
    paper="Teh 2006 (hierarchical Pitman-Yor), eq. 5; Kuhn and De Mori 1990 (cache)",
    personalize=global_only.personalize,
    phone=global_only.phone,
    history=True,
    space={
        "history.cache_weight": Range(0.01, 0.3, log=True),
        "history.discount": Range(0.5, 0.95),
        "history.concentration_2": Range(3.0, 100.0, log=True),
        "history.concentration_3": Range(2.0, 50.0, log=True),
        "swap_margin": Choice((0.0, 0.25, 0.5)),
    },
)
