"""Measures users at a finished run's model: their words in its tokenizer and their gradients at its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from federated.corpus.store import Corpus
from federated.heterogeneity import gradient_dissimilarity
from federated.heterogeneity.divergence import user_rng
from federated.heterogeneity.gradient_dissimilarity import Gradients
from federated.heterogeneity.user_texts import UserTexts, outside_tokenizer
from federated.personalization.method import SharedModel
from federated.run import Run, RunError
from federated.runtime.execution_context import execution_context
from keyboard_model.batching import Batch, batches, pack, split_by_time
from keyboard_model.text.tokenizer import Tokenizer

_USERS_PER_CALL = 50  # limits the memory of a TFF call, however many users there are
_MOST_WINDOWS = 32  # in each half; more text of a user changes the gradient only slightly


@dataclass(frozen=True)
class UserGradient:
    """One user at the shared model: loss in nats per piece, gradient norm, cosine of the halves' gradients."""

    pieces: int
    loss: float
    norm: float
    cosine: float


@dataclass(frozen=True)
class AtSharedModel:
    """The users' figures at the shared model.

    Attributes:
        gradients: None if fewer than two users have enough text for two halves.
        users: The users with enough text, by id.
        outside_tokenizer: Share of a user's words that are not a single piece, for each user in order.
    """

    gradients: Gradients | None
    users: dict[str, UserGradient]
    outside_tokenizer: list[float | None]


def checked_run(run: Path, corpus: Corpus) -> Run:
    """Returns the run's folder.

    Raises:
        RunError: the run is not finished, or was trained on another corpus.
    """
    folder = Run(run)
    folder.read_json("summary.json")
    if folder.read_json("corpus.json")["corpus_id"] != corpus.corpus_id:
        raise RunError(
            f"{run} was not trained on {corpus.path}: give the corpus it was trained on, or leave the run out"
        )
    return folder


def at_shared_model(
    folder: Run, corpus: Corpus, user_texts: UserTexts, seed: int, on_users: Callable[[int, int], None]
) -> AtSharedModel:
    """Measures the users at the run's best weights, on the training part of their messages.

    Raises:
        RunError: the run cannot be read.
        CorpusError: the corpus cannot be read.
        WorkerError: a TFF worker cannot be reached.
    """
    job, tokenizer, parameters = folder.job(), folder.tokenizer(), folder.parameters()
    config, shared = job.personalization, SharedModel.of(job, parameters)
    process = gradient_dissimilarity.build(shared, config.batch, config.window, tokenizer.bos)
    gradients: dict[str, UserGradient] = {}
    done = 0
    with execution_context():
        state = process.initialize()
        for cohort in _cohorts([user.user_id for user in user_texts.users]):
            data = {}
            for user_id in cohort:
                texts = [message.text for message in corpus.messages(user_id)]
                training, _ = split_by_time(texts, job.data.train_share)
                halves = _halves(training, user_id, tokenizer, config.batch, config.window, seed)
                if all(halves):
                    data[user_id] = halves
            if data:
                first, second = ([halves[i] for halves in data.values()] for i in (0, 1))
                state, rows = process.next(state, shared, first, second)
                gradients |= {user_id: _user_gradient(row) for user_id, row in zip(data, rows, strict=True)}
            done += len(cohort)
            on_users(done, len(user_texts.users))
    return AtSharedModel(
        gradient_dissimilarity.gradients_of(state), gradients, outside_tokenizer(user_texts, tokenizer)
    )


def _cohorts(users: Sequence[str]) -> Iterator[Sequence[str]]:
    return (users[at : at + _USERS_PER_CALL] for at in range(0, len(users), _USERS_PER_CALL))


def _halves(
    messages: Sequence[str], user_id: str, tokenizer: Tokenizer, batch: int, window: int, seed: int
) -> tuple[list[Batch], list[Batch]]:
    """Returns two random halves of a user's messages as batches; both have the same number of messages."""
    order = user_rng(seed, user_id).permutation(len(messages)).tolist()
    size = len(messages) // 2
    return _batches(messages, order[:size], tokenizer, batch, window), _batches(
        messages, order[size : 2 * size], tokenizer, batch, window
    )


def _batches(
    messages: Sequence[str], chosen: Sequence[int], tokenizer: Tokenizer, batch: int, window: int
) -> list[Batch]:
    windows = pack((tokenizer.encode(messages[i]) for i in chosen), window, tokenizer.bos)
    tokens, targets = windows.tokens[:_MOST_WINDOWS], windows.targets[:_MOST_WINDOWS]
    return batches(tokens, targets, batch, tokenizer.bos) if (targets >= 0).any() else []


def _user_gradient(row: dict[str, float]) -> UserGradient:
    pieces, loss, norm, cosine = (float(row[name]) for name in ("pieces", "loss", "norm", "cosine"))
    return UserGradient(round(pieces), loss, norm, cosine)
