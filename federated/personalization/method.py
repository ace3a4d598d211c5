"""The interface of a personalization method: a few functions, the same for every method.

All methods start from one shared model, which is trained before them (`federated.training.program`) and which they do
not change unless they say so. A method can then train in federated rounds of its own
(`federated.personalization.personalization_process`):

    server                   the server's initial state: a start for adapters, several of them, shared layers, …
    client                   a client's initial state, which it keeps between rounds; () = no state
    local(server, client)    one client's round: an update for the server, and the client's new state
    aggregate(server, mean)  the server's new state, from the weighted mean of the updates
    personalize(…)           a client's personal model, from its own text
    phone(server)            what a bundle contains so that a phone computes the same model

Every state is a tuple, named or not, of arrays or of such tuples. A new method is one new file with one `Method`: see
`federated.algorithms.registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import tensorflow as tf
from pydantic import BaseModel, ConfigDict, ValidationError

from federated.job import Job, JobError, PersonalizationConfig
from federated.local_training import adapter_sgd
from federated.local_training.adapter_sgd import ReadBatch
from keyboard_model.batching import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters

Structure = Any
"""A tuple of arrays or of such tuples: TensorFlow tensors inside a computation, NumPy arrays outside."""


class Options(BaseModel):
    """A method's own hyperparameters. Document for each the value that switches it off."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Range:
    """An interval that a hyperparameter is searched in. `log`: on a logarithmic scale."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """The values that a hyperparameter is chosen from."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class MethodContext:
    """The settings that a method's functions receive.

    Attributes:
        config: The job's `[personalization]`: steps, rates and the other settings that all methods have.
        options: The method's own options, an instance of its `Method.options`.
        bos: Id of the piece that begins a message.
        dropout: Share of the features that a step of the shared layers drops, `[training] dropout`.
    """

    config: PersonalizationConfig
    options: Any
    bos: int
    dropout: float = 0.0


class SharedModel(NamedTuple):
    """The shared model and an initial adapter, which does not change the model's output."""

    parameters: Parameters
    adapter: AdapterTensors

    @classmethod
    def of(cls, job: Job, parameters: Parameters) -> SharedModel:
        """Returns a trained model with the initial adapter that the job's seed gives."""
        vocab, embedding = parameters.embedding.shape
        return cls(parameters, adapters.init(vocab, embedding, job.model.adapter_rank, seed=job.seed))

    @classmethod
    def from_tff(cls, value: Any) -> SharedModel:
        """Returns the shared model that TFF passed to a computation as plain tuples."""
        return cls(Parameters(*value[0]), AdapterTensors(*value[1]))


class FairnessTerms(NamedTuple):
    """What q-FedAvg needs of a client beside its update (`federated.aggregation.q_fed_avg_update`).

    Attributes:
        loss: Returns F_k, the mean loss in nats at the weights that the client received, a scalar. It is a function
            because it costs one more pass over the client's batches, which only q-FedAvg needs.
        rates: Rate of the local steps of each tensor of the update, scalars in the structure of the update.
    """

    loss: Callable[[], tf.Tensor]
    rates: Structure

    @classmethod
    def of_adapter(
        cls, shared: SharedModel, received: AdapterTensors, batches: ReadBatch, rates: AdapterTensors
    ) -> FairnessTerms:
        """Returns the terms of a client that received an adapter and sends its change by steps at these rates.

        Args:
            batches: What `adapter_sgd.read` returned.
        """
        return cls(lambda: adapter_sgd.loss(shared.parameters, received, batches), rates)


class ClientUpdate(NamedTuple):
    """The result of a client's round.

    Attributes:
        update: The update for the server, with the same structure in every round. If a number in it is not finite, the
            update has no effect and the client keeps its old state.
        weight: Weight of the update in the mean, float32 scalar.
        client: The client's new state.
        loss_sum: Loss in nats, summed over the counted targets; each batch before the step that reads it.
        targets: Number of counted targets, float32 scalar.
        counts: More values for the server: their sum over the clients, each times its client's weight. Unlike updates,
            they are neither clipped nor compressed. () = none.
        fairness: What `fairness_q` needs, for a method that is `fair`.
    """

    update: Structure
    weight: tf.Tensor
    client: Structure
    loss_sum: tf.Tensor
    targets: tf.Tensor
    counts: Structure = ()
    fairness: FairnessTerms | None = None


class PersonalModel(NamedTuple):
    """One client's own model."""

    parameters: Parameters
    adapter: AdapterTensors


class ClientText(NamedTuple):
    """A client's text: batches in order, `[n,B,T]`, split as on the phone.

    training: what the steps read. held_out: the tail, for choices between models; no step reads it.
    """

    training: Batch
    held_out: Batch


class DeviceArtifact(NamedTuple):
    """What a phone needs to compute the same personal model.

    Attributes:
        parameters: The shared model.
        starts: The adapters to start from: one, or several for the algorithms `clusters` and `fed_em`.
        algorithm: Name of the algorithm that the phone runs (see `device_runtime.adaptation.algorithms`).
        constants: The algorithm's constants by name.
    """

    parameters: Parameters
    starts: tuple[AdapterTensors, ...]
    algorithm: str
    constants: Mapping[str, float] = {}


def _no_server_state(shared: SharedModel, context: MethodContext) -> Structure:
    return ()


def _no_client_state(server: Structure, context: MethodContext) -> Structure:
    return ()


def _subtract_mean(server: Structure, mean: Structure, context: MethodContext) -> Structure:
    rate = context.config.federated.server_learning_rate
    return tf.nest.map_structure(lambda value, step: value - rate * step, server, mean)


@dataclass(frozen=True)
class Method:
    """A personalization method.

    The arguments of its functions are the shared model, the server's and the client's state, the client's `batches`
    (`[n,B,T]`) or `text`, and the context. In TensorFlow functions, states are tensors in plain tuples, as TFF passes
    them.

    Attributes:
        name: Its name in the job file and in the bundle's recipe: lower-case letters, digits and underscores.
        title: Its name in tables and reports.
        paper: Where it comes from, with the equation or algorithm.
        personalize: `(shared, server, client, text, context)` -> a client's personal model; TensorFlow.
        phone: `(shared, server, context)` -> what a bundle contains; NumPy. None if the method does not run on phones.
        local: `(shared, server, client, batches, context)` -> one client's round; TensorFlow. None = no rounds.
        server: `(shared, context)` -> the server's initial state; NumPy.
        client: `(server, context)` -> a client's initial state; NumPy.
        aggregate: `(server, mean update, context)` -> the server's new state; TensorFlow. The default subtracts the
            mean times `server_learning_rate`. If clients send counts, the mean is `(mean update, summed counts)`.
        fair: Whether q-FedAvg applies to its rounds: `local` returns `fairness`.
        sends_counts: Whether `local` returns `counts`. Its rounds cannot be private then.
        history: Whether the phone mixes in the owner's own n-grams.
        neural_cache: Whether the phone mixes in the owner's words by the similarity of their contexts.
        learned_mixing: Whether the weights of this mixture are trained (`federated.personalization.mixing_weights`).
        options: The class of the method's own hyperparameters.
        rounds: Number of rounds if the job gives none.
        recipe_alone: Paths of settings on which only the phone's adaptation depends, not the method's rounds.
        space: The search space of hyperparameters, by their path in `PersonalizationConfig`.
    """

    name: str
    title: str
    paper: str
    personalize: Callable[[SharedModel, Structure, Structure, ClientText, MethodContext], PersonalModel]
    phone: Callable[[SharedModel, Structure, MethodContext], DeviceArtifact] | None
    local: Callable[[SharedModel, Structure, Structure, Batch, MethodContext], ClientUpdate] | None = None
    server: Callable[[SharedModel, MethodContext], Structure] = _no_server_state
    client: Callable[[Structure, MethodContext], Structure] = _no_client_state
    aggregate: Callable[[Structure, Structure, MethodContext], Structure] = _subtract_mean
    fair: bool = False
    sends_counts: bool = False
    history: bool = False
    neural_cache: bool = False
    learned_mixing: bool = False
    options: type[Options] = Options
    rounds: int = 60
    recipe_alone: tuple[str, ...] = ()
    space: Mapping[str, Range | Choice] = field(default_factory=dict)

    def context(self, config: PersonalizationConfig, bos: int, *, dropout: float = 0.0) -> MethodContext:
        """Returns the context that follows from a job's `[personalization]`.

        Args:
            bos: The piece that begins a message.
            dropout: The job's `[training] dropout`; only rounds that train the shared layers use it.

        Raises:
            JobError: the method has no such option, its value is out of range, or `fairness_q` does not apply to it.
        """
        try:
            options = self.options.model_validate(config.options)
        except ValidationError as error:
            details = (f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors())
            raise JobError(f"personalization.options of {self.name}: {'; '.join(details)}") from error
        rounds = config.federated.rounds
        rounds = self.rounds if rounds is None else rounds
        federated = config.federated.model_copy(update={"rounds": rounds if self.local else 0})
        if federated.rounds and federated.fairness_q and not self.fair:
            raise JobError(
                f"personalization.federated.fairness_q: q-FedAvg does not apply to the rounds of {self.name}; "
                "set it to 0"
            )
        return MethodContext(config.model_copy(update={"federated": federated}), options, bos, dropout)
