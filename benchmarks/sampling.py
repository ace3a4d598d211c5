"""What the way of drawing cohorts does to the shared model, in five folds: `python -m benchmarks.sampling CORPUS`.

Trains the same small shared model with each way. In each fold, other users are the new phones, so the recall@3 of the
neural model is that of each user once, by a model trained without them. Writes `runs/benchmarks/sampling.json`,
and the trained models to `--runs`, where a run that was stopped continues.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.measure.results import FOLDER, Figure, Machine, keep
from benchmarks.results_page import points, with_interval
from keyboard_model.user_statistics import mean, pooled
from thumbprint.console import silence_tensorflow

WAYS: Mapping[str, Mapping[str, Any]] = {
    "by_size, 10 clients": {"sampling": "by_size", "clients_per_round": 10},
    "uniform, 10 clients": {"sampling": "uniform", "clients_per_round": 10},
    "uniform, 25 clients": {"sampling": "uniform", "clients_per_round": 25},
}
"""Options of `[training]` by title. All are compared with the first."""
Tally = tuple[int, int]
"""(hits at 3, words) of a user."""


def main(
    corpus: Annotated[Path, typer.Argument(help="An imported corpus.")],
    runs: Annotated[Path, typer.Option(help="The folder of the trained models.")] = FOLDER.parent / "sampling",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each training.")] = 160,
    min_messages: Annotated[int, typer.Option(min=1, help="Users with fewer messages are not tested.")] = 20,
) -> None:
    """Measures recall@3 on new phones, the text of a round and the users who took part, for each way."""
    machine = Machine.now()
    silence_tensorflow()
    from benchmarks.measure.small_job import small_job, words_of
    from federated.corpus.store import Corpus
    from federated.training.train_run import train

    tallies: dict[str, dict[str, Tally]] = {way: {} for way in WAYS}
    turns: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with Corpus.open(corpus) as opened:
        for fold in range(small_job(rounds).data.folds):
            for at, (way, options) in enumerate(WAYS.items()):
                print(f"fold {fold}: {way}", flush=True)
                run = train(
                    small_job(rounds, fold=fold, **options), opened, runs / f"fold-{fold}-way-{at}", resume=True
                )
                data = run.clients(opened)
                users = data.population.new_phones.with_messages(min_messages)
                for user, words in words_of(run, data, users).items():
                    tallies[way][user] = words.hits_at_3, words.words
                result = run.result()
                turns[way].append(
                    {
                        "pieces": float(np.mean([float(row["targets"]) for row in _rows(run.rounds)])),
                        "participants": result.participants / len(data.population.training),
                        "most_turns": result.most_turns,
                    }
                )
    print(table(tallies, turns))
    figures = [
        Figure(f"way_{at}_recall", f"recall@3 of new phones, pooled, {way}", _pooled(tallies[way])["value"], "")
        for at, way in enumerate(WAYS)
    ]
    samples = {"rounds": rounds, "min_messages": min_messages, "tallies": tallies, "turns": turns}
    keep("sampling", figures, samples, machine)


def table(tallies: Mapping[str, Mapping[str, Tally]], turns: Mapping[str, list[dict[str, float]]]) -> str:
    """Returns the Markdown table of all ways. In brackets: 95 % intervals, users drawn."""
    first = next(iter(tallies.values()))
    rows = [
        "| | pieces read in a round | users in training who took part / most turns of one "
        f"| recall@3 of {len(first)} new phones, every word counts once | mean over users |",
        "| --- | --- | --- | --- | --- |",
    ]
    for way, by_user in tallies.items():
        pieces, share, most = (np.mean([fold[key] for fold in turns[way]]) for key in turns[way][0])
        cells = [with_interval(_pooled(by_user)), with_interval(_mean(by_user))]
        if by_user is not first:
            lost = {user: (hits - first[user][0], words) for user, (hits, words) in by_user.items()}
            cells = [f"{cell}; {points(of(lost))}" for cell, of in zip(cells, (_pooled, _mean), strict=True)]
        rows.append(
            f"| `{way[:7]}`{way[7:]} | {pieces:,.0f} | {100 * share:.0f} % / {most:.0f} | {' | '.join(cells)} |"
        )
    return "\n".join(rows)


def _pooled(tallies: Mapping[str, Tally]) -> dict[str, Any]:
    found = pooled([hits for hits, _ in tallies.values()], [words for _, words in tallies.values()])
    return vars(found)


def _mean(tallies: Mapping[str, Tally]) -> dict[str, Any]:
    return vars(mean([hits / words for hits, words in tallies.values()]))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    typer.run(main)
