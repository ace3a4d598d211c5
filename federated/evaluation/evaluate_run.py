"""Evaluates the models of a finished run on test messages, in TFF: first by client, then as spreads over clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from federated.algorithms.registry import METHODS
from federated.data.federated_data import FederatedData
from federated.evaluation.personal_model import Tallies, Texts, WordTally, tallies
from federated.personalization.method import SharedModel
from federated.personalization.program import PersonalizationProgram, rounds_folder
from federated.run import Run, open_clients
from federated.runtime.execution_context import execution_context
from keyboard_model.metrics import Estimate, Spread
from keyboard_model.user_statistics import pooled, spread


@dataclass(frozen=True)
class Pooled:
    """Figures over all words of a group, where each word counts once, with intervals by client.

    `loss` is in nats per word.
    """

    recall_at_1: Estimate | None
    recall_at_3: Estimate | None
    loss: Estimate | None


@dataclass(frozen=True)
class WordFigures:
    """The figures of one model on one group of clients.

    Attributes:
        recall_at_1: Spread over clients, where each client counts once.
        recall_at_3: Spread over clients, where each client counts once.
        pooled: Figures over all words; None if the group has no words.
    """

    recall_at_1: Spread
    recall_at_3: Spread
    pooled: Pooled | None


@dataclass(frozen=True)
class GroupFigures:
    """The figures of one group of clients.

    Attributes:
        clients: Clients with at least one word in their test messages.
        words: Words in these messages.
        models: Figures by model. `shared` is the shared model. `personal` is each client's personal model after the
            job's method, without the phone's gate and history.
    """

    clients: int
    words: int
    models: dict[str, WordFigures]


@dataclass(frozen=True)
class Evaluation:
    """The content of `evaluation.json`.

    Attributes:
        run: The folder of the run.
        corpus_id: The id of its corpus.
        corpus: The description of its corpus.
        synthetic: Whether a program generated the messages.
        best_round: The round whose model was evaluated.
        min_messages: Clients with fewer messages were left out.
        most_users: Of larger groups, a random sample of so many users was evaluated.
        groups: `training` (clients that trained) and `new_phones` (users that training never saw).
    """

    run: str
    corpus_id: str
    corpus: str
    synthetic: bool
    best_round: int
    min_messages: int
    most_users: int
    groups: dict[str, GroupFigures]


def evaluate(
    run: Path,
    corpus: Path | None,
    *,
    min_messages: int,
    most_users: int,
    on_clients: Callable[[int, int], None],
) -> Evaluation:
    """Evaluates the best model of a finished run on the test messages of its corpus.

    Args:
        run: The folder of the run.
        corpus: The corpus file; None for its path at the time of the training.
        min_messages: Clients with fewer messages, or without a word in their test messages, are left out.
        most_users: Of a larger group, a random sample of so many users is evaluated, which the job's seed decides.
        on_clients: Called with the number of clients done and the number of all clients.

    Raises:
        RunError: the run is not finished, or `corpus` is another corpus.
        CorpusError: the corpus cannot be read.
        WorkerError: the TFF worker cannot be started.
    """
    folder = Run(run)
    about, summary = folder.read_json("corpus.json"), folder.read_json("summary.json")
    with open_clients(folder, corpus) as clients:
        opened = clients.corpus
        groups = {"training": clients.population.training, "new_phones": clients.population.new_phones}
        seed = folder.job().seed
        chosen = {name: group.with_messages(min_messages).sample(most_users, seed) for name, group in groups.items()}
        with execution_context():
            measured = _measure(folder, clients, chosen, on_clients)
    return Evaluation(
        run=str(run),
        corpus_id=opened.corpus_id,
        corpus=about["description"],
        synthetic=about["synthetic"],
        best_round=summary["best_round"] or summary["rounds"],
        min_messages=min_messages,
        most_users=most_users,
        groups={name: _group(clients) for name, clients in measured.items()},
    )


def _measure(
    folder: Run, clients: FederatedData, groups: Mapping[str, Sequence[str]], on_clients: Callable[[int, int], None]
) -> dict[str, list[Tallies]]:
    """Returns, for each group, the tallies of the clients that have test messages, in order."""
    job, tokenizer, parameters = folder.job(), folder.tokenizer(), folder.parameters()
    config = job.personalization
    method = METHODS.named(config.method)
    context = method.context(config, tokenizer.bos)
    shared = SharedModel.of(job, parameters)
    rounds = rounds_folder(folder.path, method, context.config)
    trained = PersonalizationProgram(
        method, shared, context, clients, tokenizer, seed=job.seed, folder=rounds, ledger=folder.ledger()
    ).run()
    total, done = sum(map(len, groups.values())), 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        on_clients(done, total)

    def texts(client: str) -> Texts:
        return clients.training_messages(client), clients.test_messages(client)

    return {
        name: list(tallies(method, shared, trained, context, tokenizer, group, texts, advance))
        for name, group in groups.items()
    }


def _group(clients: list[Tallies]) -> GroupFigures:
    counted = [client for client in clients if client.shared.counts.words]
    return GroupFigures(
        clients=len(counted),
        words=sum(client.shared.counts.words for client in counted),
        models={
            "shared": _figures([client.shared for client in counted]),
            "personal": _figures([client.personal for client in counted]),
        },
    )


def _figures(tallies: list[WordTally]) -> WordFigures:
    words = [tally.counts.words for tally in tallies]
    return WordFigures(
        recall_at_1=spread([tally.counts.recall_at_1 for tally in tallies]),
        recall_at_3=spread([tally.counts.recall_at_3 for tally in tallies]),
        pooled=Pooled(
            recall_at_1=pooled([tally.counts.hits_at_1 for tally in tallies], words),
            recall_at_3=pooled([tally.counts.hits_at_3 for tally in tallies], words),
            loss=pooled([tally.loss_sum for tally in tallies], words),
        )
        if words
        else None,
    )
