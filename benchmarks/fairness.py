"""What `[training] fairness_q` does in a whole training: `python -m benchmarks.fairness CORPUS`.

Trains the same shared model with each q (q-FFL: Li et al. 2020, arXiv:1905.10497) and compares the recall@3 of the
neural model over users, on their newest messages. Writes `runs/benchmarks/fairness.json`, and the trained models to
`--runs`, where a run that was stopped continues. The job is smaller than the main one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from benchmarks.measure.results import FOLDER, Figure, Machine, keep
from keyboard_model.user_statistics import bootstrap_interval
from thumbprint.console import silence_tensorflow

Q = (0.0, 0.5, 1.0)
STATISTICS: Mapping[str, Callable[..., npt.NDArray[np.float64]]] = {
    "mean": np.mean,
    "median": np.median,
    "p10": lambda values, axis=None: np.asarray(np.percentile(values, 10, axis=axis)),
    "std": np.std,
}
_SEED = 0


def main(
    corpus: Annotated[Path, typer.Argument(help="An imported corpus.")],
    runs: Annotated[Path, typer.Option(help="The folder of the trained models.")] = FOLDER.parent / "fairness",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each training.")] = 160,
    min_messages: Annotated[int, typer.Option(min=1, help="Users with fewer messages are not tested.")] = 20,
) -> None:
    """Measures the spread of recall@3 over users for each q."""
    machine = Machine.now()
    silence_tensorflow()
    from benchmarks.measure.small_job import small_job, words_of
    from federated.corpus.store import Corpus
    from federated.training.train_run import train

    found: dict[str, dict[float, dict[str, float]]] = {"training": {}, "new_phones": {}}
    with Corpus.open(corpus) as opened:
        for q in Q:
            run = train(small_job(rounds, fairness_q=q), opened, runs / f"q{q:g}", resume=True)
            data = run.clients(opened)
            for group in found:
                users = getattr(data.population, group).with_messages(min_messages)
                found[group][q] = {user: words.recall_at_3 for user, words in words_of(run, data, users).items()}
    print(table(found))
    figures = [
        Figure(f"{group}_q{q:g}_{name}", f"recall@3, {name} over {group}, q = {q:g}", float(of(_values(by_q[q]))), "")
        for group, by_q in found.items()
        for q in Q
        for name, of in STATISTICS.items()
    ]
    samples: dict[str, Any] = {
        "rounds": rounds,
        "min_messages": min_messages,
        "job": small_job(rounds).model_dump(mode="json"),
    }
    recalls = {group: {f"{q:g}": list(by_q[q].values()) for q in Q} for group, by_q in found.items()}
    keep("fairness", figures, samples | {"recalls": recalls}, machine)


def table(found: Mapping[str, Mapping[float, Mapping[str, float]]]) -> str:
    """Returns the Markdown table of recall@3 by group and q. In brackets: 95 % intervals, users drawn.

    Args:
        found: Recalls by group, q and user.
    """
    names = list(STATISTICS)
    rows = [f"| recall@3 over users | {' | '.join(names)} |", "| --- |" + " --- |" * len(names)]
    for group, by_q in found.items():
        base = _values(by_q[Q[0]])
        for q in Q:
            values = _values(by_q[q])
            cells = [_cell(values, base if q else None, of) for of in STATISTICS.values()]
            rows.append(f"| {len(values)} {group.replace('_', ' ')}, q = {q:g} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _values(recalls: Mapping[str, float]) -> npt.NDArray[np.float64]:
    return np.array([recalls[user] for user in sorted(recalls)])


def _cell(
    values: npt.NDArray[np.float64],
    base: npt.NDArray[np.float64] | None,
    statistic: Callable[..., npt.NDArray[np.float64]],
) -> str:
    """Returns the statistic with its interval, or with the interval of its difference from `base`, in percent."""
    text = f"{100 * float(statistic(values)):.1f} %"
    if base is None:
        low, high = bootstrap_interval([values], statistic, _SEED)
        return f"{text} [{100 * float(low):.1f}, {100 * float(high):.1f}]"
    low, high = bootstrap_interval([values, base], _difference(statistic), _SEED, paired=True)
    difference = float(statistic(values)) - float(statistic(base))
    return f"{text}: {100 * difference:+.1f} [{100 * float(low):+.1f}, {100 * float(high):+.1f}]"


def _difference(statistic: Callable[..., npt.NDArray[np.float64]]) -> Callable[..., npt.NDArray[np.float64]]:
    def difference(values: Sequence[float], base: Sequence[float], axis: int) -> npt.NDArray[np.float64]:
        return statistic(values, axis=axis) - statistic(base, axis=axis)

    return difference


if __name__ == "__main__":
    typer.run(main)
