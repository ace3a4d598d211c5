"""Every personalization method by name."""

from __future__ import annotations

from federated.algorithms import apfl, dynamic_marginals, fine_tuning, per_fedavg, thumbprint, user_ngrams
from federated.algorithms.baselines import centralized, global_only, local_only
from federated.algorithms.clustered import ifca, mapper
from federated.algorithms.partial import fed_per, fed_recon
from federated.algorithms.regularized import ditto, mean_regularized_mtl
from federated.personalization.method import Method

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        global_only.METHOD,
        local_only.METHOD,
        centralized.METHOD,
        fine_tuning.METHOD,
        ditto.METHOD,
        fed_per.METHOD,
        fed_recon.METHOD,
        per_fedavg.METHOD,
        apfl.METHOD,
        mapper.METHOD,
        ifca.METHOD,
        mean_regularized_mtl.METHOD,
        dynamic_marginals.METHOD,
        user_ngrams.METHOD,
        thumbprint.METHOD,
    )
}
