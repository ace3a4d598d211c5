"""What a personalization method is: the same few functions, whatever the method.

All methods stand on one shared model, trained before them (`federated.training.program`) and frozen, unless the
method says otherwise. A method may then train in federated rounds of its own
(`federated.personalization.personalization_process`):

    server                   what the server holds: a start for adapters, k of them, shared layers …
    client                   what a client keeps to itself between rounds, as small as an adapter; () = nothing
    local(server, client)    one client's round: an update for the server, and the client's new state
    aggregate(server, mean)  the server's new value, from the weighted mean of the updates
    personalize(…)           the model a client ends up with, from its own text
    phone(server)            what a bundle carries so that a phone comes to the same model

Every structure is a tuple, named or not, of arrays (or of such tuples). A new method is one new file
with one `Method` in it: see `federated.algorithms.registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import tensorflow as tf
from pydantic import BaseModel, ConfigDict, ValidationError

from federated.job import Job, JobError, PersonalizationConfig
from keyboard_model.model import adapter as adapters
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters

Structure = Any
"""A tuple of arrays or of tuples; tensors inside a computation, NumPy outside."""


class Options(BaseModel):
    """A method's own hyperparameters; each documents its degenerate value."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Range:
    """Where a hyperparameter is looked for; `log`: by ratio rather than by difference."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """The values a hyperparameter is chosen among."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class MethodContext:
    """Everything a method's functions are decided by.

    config: steps, rates and the rest that all methods share.
    options: the method's own, an instance of its `Method.options`.
    bos: the piece that begins a message.
    """

    config: PersonalizationConfig
    options: Any
    bos: int


class SharedModel(NamedTuple):
    """What every method starts from: the shared model, and an adapter that changes nothing."""

    parameters: Parameters
    adapter: AdapterTensors

    @classmethod
    def from_tff(cls, value: Any) -> SharedModel:
        """A shared model as TFF hands it to a computation, in its own tuples again."""
        return cls(Parameters(*value[0]), AdapterTensors(*value[1]))


def start_from(job: Job, parameters: Parameters) -> SharedModel:
    """What a job's methods start from: a trained model, and the adapter that its seed draws."""
    vocab, embedding = parameters.embedding.shape
    return SharedModel(parameters, adapters.init(vocab, embedding, job.model.adapter_rank, seed=job.seed))


class ClientUpdate(NamedTuple):
    """What a client makes of a round.

    update: for the server; the same structure in every round. An update with anything that is not finite counts for
        nothing and leaves the client's state as it was.
    weight: its share in the mean, float32 scalar.
    client: its new state.
    loss_sum: of the counted targets, in nats, each before the step that learnt from it.
    targets: how many were counted.
    counts: for the server as well, summed over the clients, each times its weight; neither clipped nor compressed, as
        updates are. () = none.
    """

    update: Structure
    weight: tf.Tensor
    client: Structure
    loss_sum: tf.Tensor
    targets: tf.Tensor
    counts: Structure = ()


class PersonalModel(NamedTuple):
    """One client's own model."""

    parameters: Parameters
    adapter: AdapterTensors


class ClientText(NamedTuple):
    """What a client personalizes on: datasets of `tokens [B,T]` and `targets [B,T]` in order, as the phone splits them.

    learnt: what the steps read. held_out: the tail, which decides and is never learnt from.
    """

    learnt: tf.data.Dataset
    held_out: tf.data.Dataset


class DeviceArtifact(NamedTuple):
    """What a phone needs to come to the same personal model.

    parameters: the shared model. starts: the adapters to start from; more than one for `clusters`.
    algorithm: how the phone gets from there to its own (see `device_runtime.adaptation.algorithms`).
    constants: the algorithm's numbers.
    """

    parameters: Parameters
    starts: tuple[AdapterTensors, ...]
    algorithm: str
    constants: Mapping[str, float] = {}


def _nothing(base: SharedModel, context: MethodContext) -> Structure:
    return ()


def _stateless(server: Structure, context: MethodContext) -> Structure:
    return ()


def _minus(server: Structure, mean: Structure, context: MethodContext) -> Structure:
    rate = context.config.federated.server_learning_rate
    return tf.nest.map_structure(lambda value, step: value - rate * step, server, mean)


@dataclass(frozen=True)
class Method:
    """One way to personalize.

    Attributes:
        name: as the job file and the bundle's recipe name it.
        title: as a person reads it.
        paper: where it comes from, with the equation or algorithm.
        personalize: `(base, server, client, text, plan)` -> the client's own model; TensorFlow.
        phone: `(base, server, plan)` -> what a bundle carries; None where the method does not run on a phone.
        local: `(base, server, client, batches, plan)` -> one client's round; TensorFlow. None = no rounds of its own.
        server: `(base, plan)` -> what the server starts with; NumPy.
        client: `(server, plan)` -> what a client starts with; NumPy.
        aggregate: `(server, mean update, plan)` -> the server's new value; minus the mean by default. TensorFlow. Where
            clients send counts, it gets `(mean update, summed counts)` for the mean.
        history: whether the owner's own words are mixed in on the phone.
        options: the method's own hyperparameters.
        rounds: taken where the job names no number.
        recipe_alone: settings, by path, that only the phone's adaptation depends on, not the method's rounds.
        space: where hyperparameters are looked for, by their path in `PersonalizationConfig`.
    """

    name: str
    title: str
    paper: str
    personalize: Callable[[SharedModel, Structure, Structure, ClientText, MethodContext], PersonalModel]
    phone: Callable[[SharedModel, Structure, MethodContext], DeviceArtifact] | None
    local: Callable[[SharedModel, Structure, Structure, tf.data.Dataset, MethodContext], ClientUpdate] | None = None
    server: Callable[[SharedModel, MethodContext], Structure] = _nothing
    client: Callable[[Structure, MethodContext], Structure] = _stateless
    aggregate: Callable[[Structure, Structure, MethodContext], Structure] = _minus
    history: bool = False
    options: type[Options] = Options
    rounds: int = 60
    recipe_alone: tuple[str, ...] = ()
    space: Mapping[str, Range | Choice] = field(default_factory=dict)

    def context(self, config: PersonalizationConfig, bos: int) -> MethodContext:
        """Returns the plan that a job's `[personalization]` comes to.

        Raises:
            JobError: an option that the method does not have, or out of range.
        """
        try:
            options = self.options.model_validate(config.options)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise JobError(f"personalization.options of {self.name}: {'; '.join(faults)}") from error
        rounds = config.federated.rounds
        decided = self.rounds if rounds is None else rounds
        federated = config.federated.model_copy(update={"rounds": decided if self.local else 0})
        return MethodContext(config.model_copy(update={"federated": federated}), options, bos)
