"""A method's own federated rounds on a trained shared model. Each round is saved, so a killed run can be resumed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated.aggregation import norm_quantile
from federated.data.client_batches import ClientBatcher, Cohort, cohort_batches
from federated.data.corpus_share import ClientSource
from federated.data.federated_data import FederatedData
from federated.data.sampling import cohort_sampler
from federated.job import PersonalizationConfig
from federated.personalization import personalization_process
from federated.personalization.client_states import ClientStateStore
from federated.personalization.method import Method, MethodContext, SharedModel, Structure
from federated.privacy.ledger import Ledger
from federated.privacy.noisy_mean import METHOD, noisy_mean
from federated.privacy.plan import with_private_turns
from keyboard_model.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class PersonalizationRound:
    """The figures of a round. `loss`: nats per piece, of the clients' own models, each batch before its step."""

    round: int
    rounds: int
    loss: float
    clients: int
    dropped: int


@dataclass(frozen=True)
class TrainedMethod:
    """The result of a method's rounds.

    Attributes:
        server: In the method's own structure.
        client: Returns a client's state by id, read when it is asked for; a client that took no part has the method's
            initial state.
    """

    server: Structure
    client: Callable[[str], Structure]


PHONE_ONLY = {"gate", "history", "swap_margin", "adapter_dtype"}
"""Settings that no method's rounds depend on."""


def rounds_folder(run: Path, method: Method, config: PersonalizationConfig) -> Path:
    """Returns the folder of a personalization's rounds in a run.

    Its name has a hash of all settings that the rounds depend on, so other settings have another folder.
    """
    excluded: dict[str, Any] = dict.fromkeys(PHONE_ONLY, True)
    for path in method.recipe_alone:
        name, _, option = path.partition(".")
        excluded[name] = {**excluded.get(name, {}), option: True} if option else True
    settings = config.model_dump_json(exclude=excluded)
    return run / "personal" / f"{method.name}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"


def has_rounds(context: MethodContext) -> bool:
    """Whether a method trains in rounds of its own."""
    return bool(context.config.federated.rounds)


def without_rounds(method: Method, shared: SharedModel, context: MethodContext) -> TrainedMethod:
    """Returns a method's initial state, which is also its result if it has no rounds; it needs no client."""
    server = method.server(shared, context)
    start = method.client(server, context)
    return TrainedMethod(server, lambda client: start)


class PersonalizationProgram:
    """The rounds of one method in one folder; `run()` starts or resumes them."""

    def __init__(
        self,
        method: Method,
        shared: SharedModel,
        context: MethodContext,
        clients: FederatedData,
        tokenizer: Tokenizer,
        *,
        seed: int,
        folder: Path,
        ledger: Ledger | None = None,
        on_round: Callable[[PersonalizationRound], None] = lambda report: None,
    ) -> None:
        """Args:
        seed: Seed of cohorts and batches.
        folder: Where `clients.sqlite` is.
        ledger: That of a private run.
        on_round: Called after each round.
        """
        self._method, self._shared, self._context = method, shared, context
        self._clients, self._seed, self._folder = clients, seed, folder
        self._ledger, self._on_round = ledger, on_round
        batcher = ClientBatcher(
            tokenizer,
            batch=context.config.batch,
            window=context.config.window,
            max_windows=context.config.federated.max_windows,
            word_dropout=0.0,
            seed=seed,
        )
        self._source = ClientSource(batcher, clients)
        config = context.config.federated
        if ledger is not None:
            config = with_private_turns(config, config.clients_per_round, len(clients.population.training))
        self._sampler = cohort_sampler(config, clients, config.clients_per_round, seed)

    def run(self) -> TrainedMethod:
        """Trains to the last round and returns the result; without rounds, the method's initial state.

        Raises:
            RunError: a round cannot be saved. The round before it is still saved, and the next call resumes there.
            LedgerError: the run is private, and its ledger permits no further round.
        """
        if not has_rounds(self._context):
            return without_rounds(self._method, self._shared, self._context)
        rounds = self._context.config.federated.rounds or 0
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._states() as states:
            process = personalization_process.build(self._method, self._shared, self._context, self._aggregator())
            state, number = self._resumed(states, process)
            while number < rounds and not self._sampler.is_over(number + 1):
                number += 1
                state = self._round(process, states, state, number, rounds)
            server = process.server(state)
        start = self._method.client(server, self._context)

        def client_state(client: str) -> Structure:
            if not tf.nest.flatten(start):
                return start
            with self._states() as states:
                return _pack(start, states.clients([client]).get(client))

        return TrainedMethod(server, client_state)

    def _aggregator(self) -> tff.aggregators.WeightedAggregationFactory | None:
        if self._ledger is None or self._ledger.plan.method is None:
            return None
        return noisy_mean(self._ledger.plan.method, self._ledger.seed, stream=METHOD)

    def _states(self) -> ClientStateStore:
        return ClientStateStore.open(self._folder / "clients.sqlite")

    def _resumed(
        self, states: ClientStateStore, process: personalization_process.PersonalizationProcess
    ) -> tuple[Any, int]:
        """Returns the saved state and its round, or the initial state and 0.

        The first cohort's norms give the first clipping norm. A saved state has the clipping norm of its round, so
        nothing is measured again; a run that was killed before its first round measures the same cohort.
        """
        initial, saved = process.initialize(), states.server()
        if saved is not None:
            return tf.nest.pack_sequence_as(initial, saved[1]), saved[0]
        if self._ledger is not None:  # its clipping norm does not depend on the clients
            return initial, 0
        cohort, data, _ = self._cohort(1)
        if not cohort:
            return initial, 0
        starts = [self._method.client(process.server(initial), self._context)] * len(cohort)
        norms = process.measure(initial, self._shared, starts, data)
        return process.initialize(norm_quantile(np.asarray(norms))), 0

    def _round(
        self,
        process: personalization_process.PersonalizationProcess,
        states: ClientStateStore,
        state: Any,
        number: int,
        rounds: int,
    ) -> Any:
        if self._ledger is not None:
            self._ledger.spend("method", number, self._sampler.cohort(number))
        cohort, data, dropped = self._cohort(number)
        loss = 0.0
        new_states: dict[str, list[np.ndarray]] = {}
        if cohort:
            start = self._method.client(process.server(state), self._context)  # for clients in their first round
            kept = states.clients(cohort)
            before = [_pack(start, kept.get(client)) for client in cohort]
            state, after, metrics = process.next(state, self._shared, before, data)
            if tf.nest.flatten(start):
                new_states = {client: _leaves(own) for client, own in zip(cohort, after, strict=True)}
            loss = float(metrics["loss_sum"]) / max(float(metrics["targets"]), 1.0)
            dropped += int(metrics["broken_clients"])
        states.save(number, _leaves(state), new_states)
        self._on_round(PersonalizationRound(number, rounds, loss, len(cohort), dropped))
        return state

    def _cohort(self, number: int) -> Cohort:
        drawn = self._clients.population.training.at(self._sampler.cohort(number))
        return cohort_batches(self._source, drawn, number)


def _leaves(structure: Structure) -> list[np.ndarray]:
    return [np.asarray(part) for part in tf.nest.flatten(structure)]


def _pack(start: Structure, leaves: Sequence[np.ndarray] | None) -> Structure:
    return start if leaves is None else tf.nest.pack_sequence_as(start, leaves)
