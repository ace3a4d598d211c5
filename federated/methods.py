"""Every personalization method by name."""

from __future__ import annotations

from federated import (
    apfl,
    centralized,
    clustered,
    ditto,
    fed_per,
    fed_recon,
    fine_tuning,
    global_only,
    local_only,
    marginals,
    mixture,
    multi_task,
    per_fedavg,
    thumbprint,
    user_history,
)
from federated.method import Method

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
        mixture.METHOD,
        clustered.METHOD,
        multi_task.METHOD,
        marginals.METHOD,
        user_history.METHOD,
        thumbprint.METHOD,
    )
}
