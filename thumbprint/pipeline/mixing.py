"""The weights with which phones mix the shared model and their owner's own counts, trained on the users of a run.

The examples come from simulated phones of the training users (`device_runtime.adaptation.mixing_examples`), the weights
from TFF (`federated.personalization.mixing_weights`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from device_runtime.adaptation.mixing_examples import mixing_examples
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

Coefficients = Sequence[Sequence[float]]


def has_mixing(job: Job, method: Method) -> bool:
    """Whether the phones of a job and its method have trained weights."""
    return method.learned_mixing and job.personalization.history.mixing == "federated"


def stored_mixing(run: Run, job: Job) -> Coefficients | None:
    """Returns the weights that `train_mixing` stored in the run for these settings; None = there are none yet."""
    path = _path(run, job)
    stored: Coefficients | None = json.loads(path.read_text()) if path.exists() else None
    return stored


def train_mixing(
    run: Run, job: Job, bundle: Bundle, clients: FederatedData, on_user: Callable[[int], None] = lambda done: None
) -> Coefficients | None:
    """Trains the weights and stores them in the run. Needs a TFF context.

    Args:
        run: A finished run.
        job: Gives the settings of the phones.
        bundle: What these phones get, but without the weights.
        clients: The users of the run.
        on_user: Called with the number of users whose examples are made.

    Returns:
        None if no training user has typed a word.
    """
    engine = Engine(bundle)
    usable = []
    for done, user in enumerate(clients.population.training.sample(MOST_USERS, seed=0), 1):
        examples = mixing_examples(engine, clients.training_messages(user), MOST_EXAMPLES)
        if len(examples.features):
            usable.append(examples)
        on_user(done)
    if not usable:
        return None
    coefficients: Coefficients = train(usable).tolist()
    atomic_write(_path(run, job), json.dumps(coefficients).encode())
    return coefficients


def _path(run: Run, job: Job) -> Path:
    settings = job.personalization.history.model_dump_json(include={"discount", "neural_cache"})
    digest = hashlib.sha256(f"{run.model_digest()} {job.ngram.weight} {settings}".encode()).hexdigest()[:12]
    return run.path / f"mixing-{digest}.json"
