"""What poisoned clients do to a shared model: `python -m benchmarks.poisoned RUN`.

Trains the model of a finished run for some more rounds, once for each attack and each aggregator, in TFF. Measures the
recall@3 of the other users, and what the model makes of the attacker's sentence. Prints both tables and writes
`runs/benchmarks/poisoned.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from benchmarks.measure.results import Figure, Machine, keep
from keyboard_model import user_statistics
from thumbprint.console import silence_tensorflow

if TYPE_CHECKING:
    from benchmarks.poisoned.training import Belief, Outcome

Outcomes = Mapping[str, Mapping[str, "Outcome"]]
"""By the title of the attack, and the name of the aggregator."""


def main(
    run: Annotated[Path, typer.Argument(help="A finished run.")],
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each training.")] = 40,
) -> None:
    """Measures each attack with each aggregator."""
    machine = Machine.now()
    silence_tensorflow()
    from benchmarks.poisoned.aggregators import aggregators
    from benchmarks.poisoned.attacks import ATTACKS
    from benchmarks.poisoned.training import Setting
    from federated.run import Run, open_clients
    from federated.runtime.execution_context import execution_context

    outcomes: dict[str, dict[str, Outcome]] = {}
    with open_clients(Run(run)) as clients, execution_context():
        setting = Setting(Run(run), clients, rounds)
        processes = {
            name: setting.process(aggregator)
            for name, aggregator in aggregators(setting.job.training.clients_per_round).items()
        }
        for attack in ATTACKS:
            outcomes[attack.title] = {}
            for name, process in processes.items():
                outcomes[attack.title][name] = outcome = setting.train(process, attack)
                recall = np.mean(list(outcome.recalls.values()))
                print(f"{attack.title}; {name}; {recall:.4f}; {_belief(outcome.belief)}", flush=True)
        ngrams = [setting.ngram_belief(with_attacker) for with_attacker in (False, True)]
    print("n-grams, without and with the attacker:", *map(_belief, ngrams))
    print(recall_table(outcomes), belief_table(outcomes), sep="\n\n")
    figures = [
        Figure(f"{attack}; {name}", "recall@3, mean over users", float(np.mean(list(outcome.recalls.values()))), "")
        for attack, by_aggregator in outcomes.items()
        for name, outcome in by_aggregator.items()
    ]
    measured = {
        attack: {name: asdict(outcome) for name, outcome in by_aggregator.items()}
        for attack, by_aggregator in outcomes.items()
    }
    about = {"job": setting.job.model_dump(mode="json"), "ngrams": [asdict(belief) for belief in ngrams]}
    keep("poisoned", figures, {**about, "outcomes": measured}, machine)


def recall_table(outcomes: Outcomes) -> str:
    """Returns the recall@3 of the first attack, and the change by each other one, in points, with intervals by user."""
    first, *attacks = outcomes
    names = list(outcomes[first])
    rows = [
        _row("recall@3 of the others", ["poisoned turns", *names]),
        _row("---", ["---"] * (1 + len(names))),
    ]
    recalls = {name: outcomes[first][name].recalls for name in names}
    rows.append(_row(first, ["0", *(f"{100 * np.mean(list(recalls[name].values())):.1f} %" for name in names)]))
    for attack in attacks:
        cells = [str(outcomes[attack][names[0]].turns)]
        for name in names:
            after = outcomes[attack][name].recalls
            change = user_statistics.mean([100 * (recall - recalls[name][user]) for user, recall in after.items()])
            between = "" if change.low is None else f" [{change.low:+.1f}, {change.high:+.1f}]"
            cells.append(f"{change.value:+.1f}{between}")
        rows.append(_row(attack, cells))
    return "\n".join(rows)


def belief_table(outcomes: Outcomes) -> str:
    """Returns what each model makes of the attacker's sentence."""
    names = list(next(iter(outcomes.values())))
    rows = [_row("the attacker's words: probability, rank", names), _row("---", ["---"] * len(names))]
    rows += [_row(attack, [_belief(by_name[name].belief) for name in names]) for attack, by_name in outcomes.items()]
    return "\n".join(rows)


def _belief(belief: Belief) -> str:
    return f"{100 * belief.probability:.2g} %, {belief.rank:g}"


def _row(title: str, cells: list[str]) -> str:
    return f"| {' | '.join([title, *cells])} |"


if __name__ == "__main__":
    typer.run(main)
