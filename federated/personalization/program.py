"""A method's own federated rounds on a trained shared model: kept a round at a time, resumable after any kill."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from federated.data.client_batches import ClientBatcher, Cohort, cohort_batches
from federated.data.federated_data import FederatedData, sample_cohort
from federated.job import PersonalizationConfig
from federated.personalization import personalization_process
from federated.personalization.client_states import ClientStateStore
from federated.personalization.method import Method, MethodContext, SharedModel, Structure
from keyboard_model.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class PersonalizationRound:
    """What a round came to; `loss` in nats a piece, of the clients' own models before they learnt from it."""

    round: int
    rounds: int
    loss: float
    clients: int
    dropped: int


@dataclass(frozen=True)
class TrainedMethod:
    """What a method's rounds end with.

    Attributes:
        server: In the method's own structure.
        client: A client's state by id; the method's start for whoever took no part.
        state_bytes: The largest state that a client keeps, 0 where it keeps none.
    """

    server: Structure
    client: Callable[[str], Structure]
    state_bytes: int


ON_THE_PHONE = {"gate", "history", "swap_margin", "adapter_dtype"}
"""Settings that no method's rounds depend on."""


def folder_in(run: Path, method: Method, config: PersonalizationConfig) -> Path:
    """Where a run keeps the rounds of such a personalization: another one for any setting that they depend on."""
    left_out: dict[str, Any] = dict.fromkeys(ON_THE_PHONE, True)
    for path in method.recipe_alone:
        name, _, option = path.partition(".")
        left_out[name] = {**left_out.get(name, {}), option: True} if option else True
    decisive = config.model_dump_json(exclude=left_out)
    return run / "personal" / f"{method.name}-{hashlib.sha256(decisive.encode()).hexdigest()[:12]}"


def has_rounds(method: Method, context: MethodContext) -> bool:
    """Whether such a method trains in rounds of its own."""
    return bool(context.config.federated.rounds)


def without_rounds(method: Method, base: SharedModel, context: MethodContext) -> TrainedMethod:
    """What a method starts with, and ends with where it has no rounds: no client is needed for it."""
    server = method.server(base, context)
    start = method.client(server, context)
    return TrainedMethod(server, lambda client: start, 0)


class PersonalizationProgram:
    """The rounds of one method in one folder; `run()` starts or resumes them."""

    def __init__(
        self,
        method: Method,
        base: SharedModel,
        context: MethodContext,
        clients: FederatedData,
        tokenizer: Tokenizer,
        *,
        seed: int,
        folder: Path,
        on_round: Callable[[PersonalizationRound], None] = lambda report: None,
    ) -> None:
        """Args:
        seed: decides cohorts and batches.
        folder: keeps `clients.sqlite`.
        """
        self._method, self._base, self._plan = method, base, context
        self._clients, self._seed, self._folder, self._on_round = clients, seed, folder, on_round
        self._data = ClientBatcher(
            tokenizer,
            batch=context.config.batch,
            window=context.config.window,
            max_windows=context.config.federated.max_windows,
            word_dropout=0.0,
            seed=seed,
        )
        self._sizes = clients.training_sizes()

    def run(self) -> TrainedMethod:
        """Trains to the last round. Without rounds, the method's start is what there is.

        Raises:
            RunError: a round cannot be kept; the one before it stays, and running it again goes on there.
        """
        if not has_rounds(self._method, self._plan):
            return without_rounds(self._method, self._base, self._plan)
        rounds = self._plan.config.federated.rounds or 0
        self._folder.mkdir(parents=True, exist_ok=True)
        with ClientStateStore.open(self._folder / "clients.sqlite") as states:
            process = personalization_process.build(self._method, self._base, self._plan)
            state, number = self._begun(states, process.initialize())
            while number < rounds:
                number += 1
                state = self._round(process, states, state, number, rounds)
            server = process.server(state)
            start = self._method.client(server, self._plan)
            kept = {client: states.client(client) for client in self._clients.population.training}
            largest = states.bytes_a_client if tf.nest.flatten(start) else 0
        return TrainedMethod(server, lambda client: _shaped(start, kept.get(client)), largest)

    def _begun(self, states: ClientStateStore, state: Any) -> tuple[Any, int]:
        found = states.server()
        return (state, 0) if found is None else (tf.nest.pack_sequence_as(state, found[1]), found[0])

    def _round(
        self,
        process: personalization_process.PersonalizationProcess,
        states: ClientStateStore,
        state: Any,
        number: int,
        rounds: int,
    ) -> Any:
        cohort, data, dropped = self._cohort(number)
        loss = 0.0
        kept: dict[str, list[np.ndarray]] = {}
        if cohort:
            start = self._method.client(process.server(state), self._plan)  # who takes part for the first time
            before = [_shaped(start, states.client(client)) for client in cohort]
            state, after, measured = process.next(state, self._base, before, data)
            if tf.nest.flatten(start):
                kept = {client: _leaves(own) for client, own in zip(cohort, after, strict=True)}
            loss = float(measured["loss_sum"]) / max(float(measured["targets"]), 1.0)
            dropped += int(measured["broken_clients"])
        states.keep(number, _leaves(state), kept)
        self._on_round(PersonalizationRound(number, rounds, loss, len(cohort), dropped))
        return state

    def _cohort(self, number: int) -> Cohort:
        drawn = sample_cohort(
            self._clients.population.training,
            self._plan.config.federated.clients_per_round,
            seed=self._seed,
            round_number=number,
            weights=self._sizes,
        )
        return cohort_batches(self._data, self._clients, drawn, number)


def _leaves(structure: Structure) -> list[np.ndarray]:
    return [np.asarray(part) for part in tf.nest.flatten(structure)]


def _shaped(start: Structure, leaves: Sequence[np.ndarray] | None) -> Structure:
    return start if leaves is None else tf.nest.pack_sequence_as(start, leaves)
