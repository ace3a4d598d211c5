"""FedRecon: personal layers that are reconstructed from the client's text in each round and never stored.

    v_k ← K steps on the support batches from a common start, w fixed     (reconstruction)
    w_k ← w_k − η·∇L(w_k, v_k)       one step for each query batch, v_k fixed
    w ← w − rate·(mean of w − w_k)

Singhal et al. 2021 (arXiv:2102.03448), Algorithm 1. It is the stateless form of `fed_per`, for clients that take part
only once. The support is the first half of a client's batches, rounded down; the query is the rest. The reconstruction
is the adaptation of a phone, so the shared layers are trained for it. Without personal layers (0 `steps`, or rates of
0) this is FedAvg on the query batches.

TFF's `tff.learning.algorithms.build_fed_recon` has the same round, and a test compares the two. It is not used here
because it needs Keras models with variables, and its reconstruction has neither the pull to the start nor a separate
rate for the bias. The phone has both, so the maths would be written twice.
"""

from __future__ import annotations

from federated.algorithms.partial.fed_per import SHARED_LAYERS_SPACE, SharedLayersOptions, shared_layers_fairness
from federated.local_training import adapter_sgd, shared_layers_sgd
from federated.local_training.batch_loop import number_of
from federated.personalization.method import (
    ClientText,
    ClientUpdate,
    DeviceArtifact,
    Method,
    MethodContext,
    PersonalModel,
    SharedModel,
    Structure,
)
from keyboard_model.batching import Batch
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters


def server(shared: SharedModel, context: MethodContext) -> Parameters:
    """Returns the shared model's layers."""
    return shared.parameters


def local(
    shared: SharedModel, server: Parameters, client: Structure, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Reconstructs the adapter on one half of the batches and trains the shared layers on the other."""
    received = Parameters(*server)
    half = number_of(batches) // 2
    support, query = Batch(*(part[:half] for part in batches)), Batch(*(part[half:] for part in batches))
    own = reconstruct(shared, received, support, context)
    rate, clip = context.options.base_learning_rate, context.config.clip
    end = shared_layers_sgd.steps(received, own, query, rate, clip, context.bos, dropout=context.dropout)
    update = shared_layers_sgd.subtract(received, end.parameters)
    fairness = shared_layers_fairness(received, own, query, context)
    return ClientUpdate(update, end.targets, client, end.loss_sum, end.targets, fairness=fairness)


def reconstruct(shared: SharedModel, parameters: Parameters, batches: Batch, context: MethodContext) -> AdapterTensors:
    """Returns the personal layers fitted to these batches; without batches, the common start."""
    start, read = shared.adapter, adapter_sgd.read(parameters, batches, context.bos)
    return adapter_sgd.personal_steps(parameters, start, start, read, context.config)


def personalize(
    shared: SharedModel, server: Parameters, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Reconstructs the personal layers from the client's whole text."""
    parameters = Parameters(*server)
    return PersonalModel(parameters, reconstruct(shared, parameters, text.training, context))


def phone(shared: SharedModel, server: Parameters, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(server, (shared.adapter,), "steps")


METHOD = Method(
    name="fed_recon",
    title="FedRecon",
    paper="Singhal et al. 2021, arXiv:2102.03448, Algorithm 1",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    server=server,
    options=SharedLayersOptions,
    space=SHARED_LAYERS_SPACE,
)
