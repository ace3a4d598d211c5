"""A finished run's models word by word on test parts, in TFF: each client's tally first, spreads afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from federated.algorithms.registry import METHODS
from federated.data.federated_data import FederatedData
from federated.evaluation.personal_model import Tallies, Tally, Texts, tallies
from federated.personalization.method import start_from
from federated.personalization.program import PersonalizationProgram, folder_in
from federated.run import Run, open_clients
from federated.runtime.execution_context import execution_context
from keyboard_model.metrics import Spread, WordCounts, spread


@dataclass(frozen=True)
class Pooled:
    """Over all words at once, each counting once; `loss` in nats a word."""

    recall_at_1: float
    recall_at_3: float
    loss: float


@dataclass(frozen=True)
class WordFigures:
    """One model on one group of clients: spreads in which each client counts once, and the words pooled."""

    recall_at_1: Spread
    recall_at_3: Spread
    pooled: Pooled | None


@dataclass(frozen=True)
class GroupFigures:
    """One group: who was counted, and each model's figures by its name.

    `shared`: the shared model; `personal`: each client's own after the job's method,
    without the phone's gate and history.
    """

    clients: int
    words: int
    models: dict[str, WordFigures]


@dataclass(frozen=True)
class Evaluation:
    """The whole of `evaluation.json`."""

    run: str
    corpus_id: str
    corpus: str
    synthetic: bool
    best_round: int
    min_messages: int
    groups: dict[str, GroupFigures]


def evaluate(
    run: Path, corpus: Path | None, *, min_messages: int, on_clients: Callable[[int, int], None]
) -> Evaluation:
    """Evaluates the best model of a finished run on the test parts of its corpus.

    Args:
        corpus: where the run's corpus lies now; where it lay at training when None.
        min_messages: clients with fewer messages, or without a word in their test part, enter no figure.
        on_clients: called with how many clients are done, and of how many.

    Raises:
        RunError: the run is not finished, or `corpus` is another one.
        CorpusError, WorkerError: see there.
    """
    folder = Run(run)
    about, summary = folder.read_json("corpus.json"), folder.read_json("summary.json")
    with open_clients(folder, corpus) as clients:
        opened = clients.corpus
        groups = {"training": clients.population.training, "new_phones": clients.population.new_phones}
        chosen = {
            name: [client for client in group if opened.message_count(client) >= min_messages]
            for name, group in groups.items()
        }
        with execution_context():
            measured = _measure(folder, clients, chosen, on_clients)
    return Evaluation(
        run=str(run),
        corpus_id=opened.corpus_id,
        corpus=about["description"],
        synthetic=about["synthetic"],
        best_round=summary["best_round"] or summary["rounds"],
        min_messages=min_messages,
        groups={name: _group(found) for name, found in measured.items()},
    )


def _measure(
    folder: Run, clients: FederatedData, groups: dict[str, list[str]], on_clients: Callable[[int, int], None]
) -> dict[str, list[Tallies]]:
    """Returns by group the tallies of each client that has text to test, in order."""
    job, tokenizer, parameters = folder.job(), folder.tokenizer(), folder.parameters()
    config = job.personalization
    method = METHODS.named(config.method)
    plan = method.plan(config, tokenizer.bos)
    base = start_from(job, parameters)
    learnt = PersonalizationProgram(
        method, base, plan, clients, tokenizer, seed=job.seed, folder=folder_in(folder.path, method, plan.config)
    ).run()
    everybody, done = sum(map(len, groups.values())), 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        on_clients(done, everybody)

    def texts(client: str) -> Texts:
        return clients.training_messages(client), clients.test_messages(client)

    return {
        name: list(tallies(method, base, learnt, plan, tokenizer, group, texts, advance))
        for name, group in groups.items()
    }


def _group(found: list[Tallies]) -> GroupFigures:
    counted = [one for one in found if one.shared.counts.words]
    return GroupFigures(
        clients=len(counted),
        words=sum(one.shared.counts.words for one in counted),
        models={
            "shared": _figures([one.shared for one in counted]),
            "personal": _figures([one.personal for one in counted]),
        },
    )


def _figures(found: list[Tally]) -> WordFigures:
    total = sum((one.counts for one in found), WordCounts())
    loss = sum(one.loss_sum for one in found)
    return WordFigures(
        recall_at_1=spread(one.counts.recall_at_1 for one in found),
        recall_at_3=spread(one.counts.recall_at_3 for one in found),
        pooled=Pooled(total.recall_at_1, total.recall_at_3, loss / total.words) if total.words else None,
    )
