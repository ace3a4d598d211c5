"""The personalization methods: one file for each, which also cites the paper.

Start here:

    METHODS     every method by its name in the job file
    Method      what a method consists of: client step, server step, personal model, device artifact

`METHODS.register(method)` adds a method to this process. An installed package adds one with an entry point of the
group `thumbprint.methods` (see `registry`).

Baselines: `baselines.global_only`, `baselines.local_only`, `baselines.centralized`. An adapter on the device:
`fine_tuning`, `per_fedavg`, `apfl`, `dynamic_marginals`. Regularized: `regularized.ditto`,
`regularized.mean_regularized_mtl`. Partial models: `partial.fed_per`, `partial.fed_recon`. Clusters: `clustered.ifca`,
`clustered.mapper`. The user's own n-grams: `user_ngrams`; with an adapter on top of them: `thumbprint`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyboard_model.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from federated.algorithms.registry import METHODS, MethodError
    from federated.personalization.method import Method
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "federated.algorithms.registry": ("METHODS", "MethodError"),
            "federated.personalization.method": ("Method",),
        },
    )

__all__ = ["METHODS", "Method", "MethodError"]
