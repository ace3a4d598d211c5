"""A finished run's models word by word on test parts, in TFF: each client's tally first, spreads afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from federated import evaluation, personalization
from federated.clients import Clients
from federated.execution import execution_context
from federated.method import starting_point
from federated.methods import METHODS
from federated.personal_program import PersonalProgram, folder_in
from federated.run_folder import RunFolder
from keyboard_model.metrics import Spread, WordCounts, spread
from thumbprint.run_clients import clients_of

MODELS = ("shared", "personal")
"""The shared model, and each client's own after the job's method, without the phone's gate and history."""
_TOGETHER = 50  # clients a TFF call: what is held in memory, whatever the population


@dataclass(frozen=True)
class Pooled:
    """Over all words at once, each counting once; `loss` in nats a word."""

    recall_at_1: float
    recall_at_3: float
    loss: float


@dataclass(frozen=True)
class Figures:
    """One model on one group of clients: spreads in which each client counts once, and the words pooled."""

    recall_at_1: Spread
    recall_at_3: Spread
    pooled: Pooled | None


@dataclass(frozen=True)
class GroupFigures:
    """One group: who was counted, and each model's figures by its name."""

    clients: int
    words: int
    models: dict[str, Figures]


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


@dataclass(frozen=True)
class _Measured:
    counts: WordCounts
    loss_sum: float


def evaluate_run(
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
    folder = RunFolder(run)
    about, summary = folder.read_json("corpus.json"), folder.read_json("summary.json")
    with clients_of(folder, corpus) as clients:
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
    folder: RunFolder, clients: Clients, groups: dict[str, list[str]], on_clients: Callable[[int, int], None]
) -> dict[str, dict[str, list[_Measured]]]:
    """Returns by group and model ("shared", "personal") the tally of each client that has text to test, in order."""
    job, tokenizer, parameters = folder.job(), folder.tokenizer(), folder.parameters()
    config = job.personalization
    method = METHODS[config.method]
    plan = method.plan(config, tokenizer.bos)
    base = starting_point(job, parameters)
    learnt = PersonalProgram(
        method, base, plan, clients, tokenizer, seed=job.seed, folder=folder_in(folder.path, method, plan.config)
    ).run()
    evaluate = personalization.build(method, base, learnt.server, plan, tokenizer)
    done, everybody = 0, sum(map(len, groups.values()))
    found: dict[str, dict[str, list[_Measured]]] = {name: {model: [] for model in MODELS} for name in groups}
    for name, group in groups.items():
        for part in _parts(group):
            states, known, held_out, tested = [], [], [], []
            for client in part:
                test = clients.test_messages(client)
                if batches := evaluation.evaluation_batches(tokenizer, test, config.batch, config.window):
                    tested.append(batches)
                    training = clients.training_messages(client)
                    read, tail = personalization.adaptation_batches(tokenizer, training, config)
                    states.append(learnt.client(client))
                    known.append(read)
                    held_out.append(tail)
            for tallies in evaluate(base, learnt.server, states, known, held_out, tested) if tested else ():
                for model in MODELS:
                    found[name][model].append(_measured(tallies[model]))
            done += len(part)
            on_clients(done, everybody)
    return found


def _parts(clients: Sequence[str]) -> Iterator[Sequence[str]]:
    return (clients[at : at + _TOGETHER] for at in range(0, len(clients), _TOGETHER))


def _measured(tally: dict[str, float]) -> _Measured:
    words, first, shown = (round(float(tally[name])) for name in ("words", "hits_at_1", "hits_at_3"))
    return _Measured(WordCounts(words=words, hits_at_1=first, hits_at_3=shown), float(tally["loss_sum"]))


def _group(models: dict[str, list[_Measured]]) -> GroupFigures:
    counted = {name: [one for one in found if one.counts.words] for name, found in models.items()}
    anybody = next(iter(counted.values()))
    return GroupFigures(
        clients=len(anybody),
        words=sum(one.counts.words for one in anybody),
        models={name: _figures(found) for name, found in counted.items()},
    )


def _figures(found: list[_Measured]) -> Figures:
    total = sum((one.counts for one in found), WordCounts())
    loss = sum(one.loss_sum for one in found)
    return Figures(
        recall_at_1=spread(one.counts.recall_at_1 for one in found),
        recall_at_3=spread(one.counts.recall_at_3 for one in found),
        pooled=Pooled(total.recall_at_1, total.recall_at_3, loss / total.words) if total.words else None,
    )
