"""The personalization methods: one file for each, which also cites the paper.

Start here:

    METHODS     a mapping of all methods by their name in the job file
    Method      the interface of a method: client step, server step, personal model, device artifact
    register    adds a method to this process

There are three ways to add a method:

    a file here               a module with a `METHOD`, for a method of this repository
    an entry point            of the group `thumbprint.methods`, for a method of an installed package (see `registry`)
    register(method)          for this process alone, for example in a notebook or a test

Baselines: `baselines.global_only`, `baselines.local_only`, `baselines.centralized`. An adapter on the device:
`fine_tuning`, `per_fedavg`, `dynamic_marginals`. Interpolated with the shared one: `interpolated.apfl`,
`interpolated.mapper`, `interpolated.after_training`. Regularized: `regularized.ditto`, `regularized.pfedme`,
`regularized.mean_regularized_mtl`. Partial models: `partial.fed_per`, `partial.fed_rep`, `partial.fed_recon`,
`partial.fed_babu`. Several shared adapters: `clustered.ifca`, `clustered.fed_em`. The user's own n-grams:
`user_ngrams`; with an adapter: `thumbprint`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyboard_model.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from federated.algorithms.registry import METHODS, MethodError, register
    from federated.personalization.method import Method
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "federated.algorithms.registry": ("METHODS", "MethodError", "register"),
            "federated.personalization.method": ("Method",),
        },
    )

__all__ = ["METHODS", "Method", "MethodError", "register"]
