"""The weights with which phones mix the shared model and their owner's own counts, trained on the users of a run.

They are the validation users, because the shared model knows too well what the training users typed. Their simulated
phones make the examples (`device_runtime.adaptation.mixing_examples`), and TFF trains the weights
(`federated.personalization.mixing_weights`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from pydantic import ValidationError

from device_runtime.adaptation.mixing_examples import MixingExamples, mixing_examples
from device_runtime.bundle.loader import Bundle
from device_runtime.inference.engine import Engine
from federated.data.federated_data import FederatedData
from federated.job import Job, MixingWeights
from federated.personalization.method import Method
from federated.personalization.mixing_weights import ROUNDS, train
from federated.run import Run, RunError
from federated.settings import Strict

MOST_USERS, MOST_EXAMPLES = 100, 300
"""Users, a random sample, and words of each of them, likewise."""

_DECIMALS = 4
Coefficients = Sequence[Sequence[float]]
OnStage = Callable[[str], None]


def ignore(stage: str) -> None:
    """An `OnStage` that shows nothing."""


def mixing_of(run: Run, job: Job, method: Method, make: Callable[[], Coefficients]) -> Coefficients | None:
    """Returns the weights of a job's phones; None if they have fixed ones.

    Args:
        run: A finished run, which keeps the weights.
        job: Gives the settings of the phones.
        method: The job's method.
        make: Called if the run has none for these settings: calls `train_mixing`.

    A private run does not train them, because its guarantee does not cover the validation users. It has the job's own.

    Raises:
        RunError: the run is not finished, or the file of the weights is damaged.
    """
    if not has_mixing(job, method):
        return None
    if run.job().privacy:
        return job.personalization.history.mixing_weights
    name = _file(run, job)
    return _stored(run, name) if (run.path / name).exists() else make()


class _Stored(Strict):
    """The content of the file of the weights."""

    weights: MixingWeights


def _stored(run: Run, name: str) -> Coefficients:
    try:
        return _Stored.model_validate(run.read_json(name)).weights
    except (ValidationError, RunError) as error:
        raise RunError(f"{run.path / name} is damaged: delete it, and export again") from error


def has_mixing(job: Job, method: Method) -> bool:
    """Whether the phones of a job and its method have trained weights."""
    return method.learned_mixing and job.personalization.history.mixing == "federated"


def examples_of(bundle: Bundle, clients: FederatedData, on_stage: OnStage = ignore) -> list[MixingExamples]:
    """Returns the examples of the validation users, those without a word left out."""
    engine = Engine(bundle)
    users = clients.population.validation.sample(MOST_USERS, seed=0)
    found = []
    for done, user in enumerate(users, 1):
        examples = mixing_examples(engine, clients.training_messages(user), MOST_EXAMPLES)
        if len(examples.features):
            found.append(examples)
        on_stage(f"weights of the owner's words: {done} of {len(users)} users")
    return found


def train_mixing(
    run: Run, job: Job, bundle: Bundle, clients: FederatedData, on_stage: OnStage = ignore
) -> Coefficients:
    """Trains the weights and stores them in the run. Needs a TFF context.

    Args:
        run: A finished run.
        job: Gives the settings of the phones.
        bundle: What these phones get, but without the weights.
        clients: The users of the run.
        on_stage: Called with what is being done.

    Returns:
        The job's own weights, from which the training starts, if no validation user has typed a word.
    """
    history = job.personalization.history
    if not (examples := examples_of(bundle, clients, on_stage)):
        return history.mixing_weights

    def show(done: int, loss: float) -> None:
        on_stage(f"weights of the owner's words: round {done} of {ROUNDS}, {loss:.3f} nats a word")

    trained = train(examples, np.array(history.mixing_weights), history.mixing_pull, show)
    coefficients: Coefficients = trained.astype(float).round(_DECIMALS).tolist()
    run.write_json(_file(run, job), {"weights": coefficients})
    return coefficients


def _file(run: Run, job: Job) -> str:
    settings = job.personalization.history.model_dump_json(
        include={"discount", "neural_cache", "mixing_weights", "mixing_pull"}
    )
    digest = hashlib.sha256(f"{run.model_digest()} {job.ngram.weight} {settings}".encode()).hexdigest()[:12]
    return f"mixing-{digest}.json"
