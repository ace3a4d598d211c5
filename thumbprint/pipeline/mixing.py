"""The weights with which phones mix the shared model and their owner's own counts, trained on the users of a run.

They are the validation users, because the shared model knows too well what the training users typed. Their simulated
phones make the examples (`device_runtime.adaptation.mixing_examples`), and TFF trains the weights
(`federated.personalization.mixing_weights`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from device_runtime.adaptation.mixing_examples import MixingExamples, mixing_examples
from device_runtime.bundle.loader import Bundle
from device_runtime.inference.engine import Engine
from federated.data.federated_data import FederatedData
from federated.job import Job
from federated.personalization.method import Method
from federated.personalization.mixing_weights import train
from federated.run import Run
from keyboard_model.storage.durable_files import atomic_write

MOST_USERS, MOST_EXAMPLES = 100, 300
"""Users, a random sample, and words of each of them, likewise."""

_DECIMALS = 4
Coefficients = Sequence[Sequence[float]]


def has_mixing(job: Job, method: Method) -> bool:
    """Whether the phones of a job and its method have trained weights."""
    return method.learned_mixing and job.personalization.history.mixing == "federated"


def stored_mixing(run: Run, job: Job) -> Coefficients | None:
    """Returns the weights that `train_mixing` stored in the run for these settings; None = there are none yet."""
    path = _path(run, job)
    stored: Coefficients | None = json.loads(path.read_text()) if path.exists() else None
    return stored


def examples_of(bundle: Bundle, clients: FederatedData) -> list[MixingExamples]:
    """Returns the examples of the validation users, those without a word left out."""
    engine = Engine(bundle)
    users = clients.population.validation.sample(MOST_USERS, seed=0)
    examples = (mixing_examples(engine, clients.training_messages(user), MOST_EXAMPLES) for user in users)
    return [of_user for of_user in examples if len(of_user.features)]


def train_mixing(run: Run, job: Job, bundle: Bundle, clients: FederatedData) -> Coefficients:
    """Trains the weights and stores them in the run. Needs a TFF context.

    Args:
        run: A finished run.
        job: Gives the settings of the phones.
        bundle: What these phones get, but without the weights.
        clients: The users of the run.

    Returns:
        The job's own weights, from which the training starts, if no validation user has typed a word.
    """
    history = job.personalization.history
    if not (examples := examples_of(bundle, clients)):
        return history.mixing_weights
    trained = train(examples, np.array(history.mixing_weights), history.mixing_pull)
    coefficients: Coefficients = trained.astype(float).round(_DECIMALS).tolist()
    atomic_write(_path(run, job), json.dumps(coefficients).encode())
    return coefficients


def _path(run: Run, job: Job) -> Path:
    settings = job.personalization.history.model_dump_json(
        include={"discount", "neural_cache", "mixing_weights", "mixing_pull"}
    )
    digest = hashlib.sha256(f"{run.model_digest()} {job.ngram.weight} {settings}".encode()).hexdigest()[:12]
    return run.path / f"mixing-{digest}.json"
