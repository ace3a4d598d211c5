"""Where a method's settings start from: the job's own, as far as they concern it."""

from __future__ import annotations

from collections.abc import Mapping

from federated.job import PersonalizationConfig
from federated.methods import METHODS


def start_of(
    job: PersonalizationConfig, method: str, changes: Mapping[str, object] | None = None
) -> PersonalizationConfig:
    """Returns the job's personalization for a method; the phone's brake on swaps belongs to the methods that tune it.

    Args:
        changes: to its rounds, of a variant.
    """
    update: dict[str, object] = {"method": method, "federated": job.federated.model_copy(update=dict(changes or {}))}
    if method != job.method:
        update["options"] = {}
    if "swap_margin" not in METHODS[method].space:
        update["swap_margin"] = 0.0
    return job.model_copy(update=update)
