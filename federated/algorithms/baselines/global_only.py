"""No personalization: every client uses the shared model (McMahan et al. 2017; Reddi et al. 2020)."""

from __future__ import annotations

from federated.personalization.method import (
    ClientText,
    DeviceArtifact,
    Method,
    MethodContext,
    PersonalModel,
    SharedModel,
    Structure,
)


def personalize(
    shared: SharedModel, server: Structure, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Returns the shared model unchanged."""
    return PersonalModel(*shared)


def phone(shared: SharedModel, server: Structure, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(shared.parameters, (shared.adapter,), "none")


METHOD = Method(
    name="global_only",
    title="shared model",
    paper="FedAvg (McMahan et al. 2017, arXiv:1602.05629) with FedAdam (Reddi et al. 2020, arXiv:2003.00295, Alg. 2)",
    personalize=personalize,
    phone=phone,
)
