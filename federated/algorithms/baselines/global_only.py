"""No personalization: everybody types on the shared model (McMahan et al. 2017; Reddi et al. 2020)."""

from __future__ import annotations

from federated.personalization.method import Base, Method, Personal, PhonePart, Plan, Structure, Text


def personalize(base: Base, server: Structure, client: Structure, text: Text, plan: Plan) -> Personal:
    """Returns the shared model as it is."""
    return Personal(*base)


def phone(base: Base, server: Structure, plan: Plan) -> PhonePart:
    return PhonePart(base.parameters, (base.adapter,), "none")


METHOD = Method(
    name="global_only",
    title="shared model",
    paper="FedAvg (McMahan et al. 2017, arXiv:1602.05629) with FedAdam (Reddi et al. 2020, arXiv:2003.00295, Alg. 2)",
    personalize=personalize,
    phone=phone,
)
