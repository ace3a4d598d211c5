"""What the way of drawing cohorts does to the shared model, in five folds: `python -m benchmarks.sampling CORPUS`.

Trains the same small shared model with each way. In each fold, other users are the new phones, so the recall@3 of the
neural model is that of each user once, by a model trained without them. Writes `runs/benchmarks/sampling.json`,
and the trained models to `--runs`, where a run that was stopped continues.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.measure.recalls import Tally, differences, recalls, tally
from benchmarks.measure.results import FOLDER, Figure, Machine, keep
from benchmarks.results_page import estimates, points, with_interval
from thumbprint.console import silence_tensorflow

WAYS = (("by_size", 10), ("uniform", 10), ("uniform", 25))
"""`sampling` and `clients_per_round` of `[training]`. All are compared with the first."""


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

    titles = [f"`{sampling}`, {clients} clients" for sampling, clients in WAYS]
    tallies: dict[str, dict[str, Tally]] = {title: {} for title in titles}
    turns: dict[str, list[dict[str, float]]] = {title: [] for title in titles}
    with Corpus.open(corpus) as opened:
        for fold in range(small_job(rounds).data.folds):
            for title, (sampling, clients) in zip(titles, WAYS, strict=True):
                print(f"fold {fold}: {title}", flush=True)
                job = small_job(rounds, fold=fold, sampling=sampling, clients_per_round=clients)
                run = train(job, opened, runs / f"fold-{fold}-{sampling}-{clients}", resume=True)
                data, result = run.clients(opened), run.result()
                users = data.population.new_phones.with_messages(min_messages)
                tallies[title] |= {user: tally(words) for user, words in words_of(run, data, users).items()}
                turns[title].append(
                    {
                        "pieces": float(np.mean([float(row["targets"]) for row in run.read_rounds()])),
                        "participants": result.participants / len(data.population.training),
                        "most_turns": result.most_turns,
                    }
                )
    print(table(tallies, turns))
    figures = [
        Figure(
            f"way_{at}_recall",
            f"recall@3 of new phones, pooled, {title}",
            recalls(of_way)["pooled"]["recall_at_3"]["value"],
            "",
        )
        for at, (title, of_way) in enumerate(tallies.items())
    ]
    samples: dict[str, Any] = {"rounds": rounds, "min_messages": min_messages, "tallies": tallies, "turns": turns}
    keep("sampling", figures, samples, machine)


def table(tallies: Mapping[str, Mapping[str, Tally]], turns: Mapping[str, list[dict[str, float]]]) -> str:
    """Returns the Markdown table of all ways. In brackets: 95 % intervals, users drawn.

    Args:
        tallies: Of the new phones, by title of the way.
        turns: What `main` notes of each fold, by title.
    """
    first = next(iter(tallies))
    rows = [
        "| | pieces read in a round | users in training who took part / most turns of one "
        f"| recall@3 of {len(tallies[first])} new phones, every word counts once | mean over users |",
        "| --- | --- | --- | --- | --- |",
    ]
    for title, by_user in tallies.items():
        pieces, share, most = (np.mean([fold[key] for fold in turns[title]]) for key in turns[title][0])
        cells = _cells(by_user, None if title == first else tallies[first])
        rows.append(f"| {title} | {pieces:,.0f} | {100 * share:.0f} % / {most:.0f} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cells(tallies: Mapping[str, Tally], baseline: Mapping[str, Tally] | None) -> list[str]:
    """Returns recall@3 and its difference from the baseline, pooled and in the mean over users."""
    own, over = recalls(tallies), baseline and differences(tallies, baseline)
    cells = []
    for aggregate in ("pooled", "mean"):
        cell = with_interval(estimates(own, aggregate)[-1])
        cells.append(f"{cell}; {points(estimates(over, aggregate)[-1])}" if over else cell)
    return cells


if __name__ == "__main__":
    typer.run(main)
