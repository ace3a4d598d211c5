"""Fine-tuning: K local steps on the adapter, each pulled back to the start.

    θ ← (θ − η·clip(∇L(θ)) + ηλ·θ_0) / (1 + ηλ),    K times

Wang et al. 2019 (arXiv:1910.10252), section 3, on fine-tuning after federated training. With 0 steps this is
`global_only`.
"""

from __future__ import annotations

from federated.local_training import adapter_sgd
from federated.personalization.method import (
    Choice,
    ClientText,
    DeviceArtifact,
    Method,
    MethodContext,
    PersonalModel,
    Range,
    SharedModel,
    Structure,
)

FINE_TUNING_SEARCH_SPACE: dict[str, Choice | Range] = {
    "steps": Choice((5, 10, 20)),
    "learning_rate": Range(0.05, 1.0, log=True),
    "bias_rate": Range(1.0, 20.0, log=True),
    "evidence": Range(30.0, 1000.0, log=True),
}
"""The search space of every method that ends with local steps."""


def personalize(
    shared: SharedModel, server: Structure, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Takes K steps from the initial adapter on the client's text."""
    start, read = shared.adapter, adapter_sgd.read(shared.parameters, text.training, context.bos)
    adapter = adapter_sgd.personal_steps(shared.parameters, start, start, read, context.config)
    return PersonalModel(shared.parameters, adapter)


def phone(shared: SharedModel, server: Structure, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(shared.parameters, (shared.adapter,), "steps")


METHOD = Method(
    name="fine_tuning",
    title="fine-tuning",
    paper="Wang et al. 2019, arXiv:1910.10252, section 3",
    personalize=personalize,
    phone=phone,
    space={**FINE_TUNING_SEARCH_SPACE, "proximal": Range(1e-4, 1.0, log=True)},
)
