"""Synthetic populations of graded heterogeneity: what heterogeneity is measured on and advice is held against.

Everybody in `identical` is one person; everybody in `disjoint` has names, places, phrases, work, hobbies and habits
that nobody else has; between them, a share of a user's messages is their own and the rest that one person's, so that
a user's distribution of words is exactly the mixture (1 − h)·common + h·own. In `clusters` there are three
people in the place of everybody. Nobody wrote any of it, and the same code gives the same messages everywhere.

`python -m benchmarks.graded` writes them to runs/graded, and shows what is measured on them and advised for them;
with `--measure` it compares the methods on each and holds the advice against the winner (`benchmarks.graded_measured`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.measure.results import Machine
from federated.corpus.schema import Record
from federated.corpus.synthetic.generate import SOURCE, Persona, make_persona, synthetic_corpus
from federated.corpus.synthetic.vocabulary import SYLLABLES
from federated.corpus.writer import write_corpus
from federated.heterogeneity.measure import measure
from federated.heterogeneity.recommendation import Recommendation, recommend_method
from federated.heterogeneity.report import Heterogeneity
from thumbprint.console.terminal import output, silence_tensorflow

FOLDER = Path(__file__).parent.parent / "runs" / "graded"
REAL_CORPUS = Path(__file__).parent.parent / "runs" / "nus_sms" / "corpus.sqlite"
GRADES = {"identical": 0.0, "quarter": 0.25, "half": 0.5, "three quarters": 0.75, "disjoint": 1.0}
CLUSTERS = 3
USERS, MESSAGES = 40, 120
_SEED = 7
_FIRST = datetime(2024, 1, 8)
_KEPT = {"my"}  # an English word that stands among what is a person's own


def populations(folder: Path, users: int = USERS, messages: int = MESSAGES) -> list[tuple[str, Path]]:
    """Writes each population as a corpus into `folder`, if it is not there. Returns its name and path, by grade."""
    made = []
    for name in (*GRADES, "clusters"):
        path = folder / f"{name.replace(' ', '_')}.sqlite"
        if not path.exists():
            write_corpus(
                path,
                clustered(users, messages) if name == "clusters" else graded(GRADES[name], users, messages),
                source=SOURCE,
                description=f"SYNTHETIC: {users} made-up users, {name}",
                synthetic=True,
            )
        made.append((name, path))
    return made


def graded(h: float, users: int, messages: int) -> Iterator[Record]:
    """Yields the messages of `users` people of whose messages a share `h` is their own, evenly spread."""
    common = _everybodys(users * messages)
    for number, own in enumerate(_speakers(users, messages)):
        texts = (own[i] if int((i + 1) * h) > int(i * h) else next(common) for i in range(messages))
        yield from _records(number, texts)


def clustered(users: int, messages: int) -> Iterator[Record]:
    """Yields the messages of `users` people, each of whom is one of `CLUSTERS` people."""
    shared = [iter(texts) for texts in _speakers(CLUSTERS, (users // CLUSTERS + 1) * messages)]
    for number in range(users):
        yield from _records(number, (next(shared[number % CLUSTERS]) for _ in range(messages)))


def held_against(recommendations: Mapping[str, Recommendation], winners: Mapping[str, Mapping[str, float]]) -> Table:
    """Shows the advice beside what was measured.

    Args:
        recommendations: By population.
        winners: By population, recall_at_3 of each method measured on it (mean over users), as `thumbprint compare`
            gives it.
    """
    table = Table()
    for column in ("population", "advised", "recall@3", "measured best", "recall@3", "the advice loses"):
        table.add_column(column, justify="right" if column in ("recall@3", "the advice loses") else "left")
    for population, advice in recommendations.items():
        measured = winners.get(population, {})
        if not measured:
            table.add_row(population, advice.method, "", "not measured", "", "")
            continue
        best = max(measured, key=lambda method: measured[method])
        advised = measured.get(advice.method)
        loss = "not measured" if advised is None else f"{100 * (measured[best] - advised):.1f} points"
        shown = "" if advised is None else f"{100 * advised:.1f} %"
        table.add_row(population, advice.method, shown, best, f"{100 * measured[best]:.1f} %", loss)
    return table


def measured_table(found: Mapping[str, tuple[Heterogeneity, Recommendation]]) -> Table:
    """Shows what is measured on each population, and what is advised for it."""
    table = Table()
    for column in ("population", "between users", "to the others", "drift", "own words", "silhouette", "advised"):
        table.add_column(column, justify="left" if column in ("population", "advised") else "right")
    for name, (measured, advice) in found.items():
        compared = (measured.between_users, measured.to_others, measured.drift)
        figures = [None if one is None else one.difference.mean for one in compared]
        figures.append(None if measured.outside_shared is None else measured.outside_shared.mean)
        figures.append(max(measured.clusters.silhouettes.values(), default=None))
        table.add_row(name, *("none" if one is None else f"{one:.3f}" for one in figures), advice.method)
    return table


def _records(number: int, texts: Iterator[str]) -> Iterator[Record]:
    for hour, text in enumerate(texts):
        yield Record(f"graded-{number:03d}", _FIRST + timedelta(hours=hour), text)


def _everybodys(messages: int) -> Iterator[str]:
    return (record.text for record in synthetic_corpus(1, (messages, messages), _SEED + 1))


def _speakers(people: int, messages: int) -> Iterator[list[str]]:
    """Yields each person's messages, in words for their own things that nobody else has."""
    records = synthetic_corpus(people, (messages, messages), _SEED)
    for number, (_, own) in enumerate(groupby(records, key=lambda record: record.user_id)):
        rename = _renaming(make_persona(number, _SEED), number)
        yield [rename(record.text) for record in own]


def _renaming(persona: Persona, number: int) -> Callable[[str], str]:
    """Returns what gives a person's own things in a text other names."""
    rng = random.Random(f"own words {_SEED} {number}")
    own = {thing for symbol, (things, _) in persona.rules.items() if symbol.isupper() for thing in things}
    own |= {thing for thing in (*persona.tags, *persona.closers) if thing[0].isalpha()}
    names = {
        thing: " ".join(_invented(number, rng) for _ in thing.split())
        for thing in sorted(own - _KEPT, key=lambda thing: (-len(thing), thing))
    }
    # Longer things first, so that the longest of those that begin alike is found.
    anything = "|".join(map(re.escape, names))
    thing = re.compile(rf"(?<![\w'])(?:{anything})(?![\w'])", re.IGNORECASE)
    return lambda text: thing.sub(lambda found: names[found[0].lower()], text)


def _invented(number: int, rng: random.Random) -> str:
    return "".join(rng.choices(SYLLABLES, k=2)) + SYLLABLES[number % len(SYLLABLES)] + "aeiou"[number // len(SYLLABLES)]


def main(
    measured: Annotated[
        bool, typer.Option("--measure", help="Train and compare the methods on each, and hold the advice against it.")
    ] = False,
) -> None:
    """Writes the populations, measures how users differ, and advises."""
    machine = Machine.now()
    made = populations(FOLDER)
    found = {}
    for name, path in made:
        how = measure(path)
        found[name] = (how, recommend_method(how))
    output().print(measured_table(found))
    if not measured:
        return
    silence_tensorflow()
    from benchmarks.graded_measured import REAL, outcomes, published  # TensorFlow, which the rest does without

    advice = {name: advised for name, (_, advised) in found.items()}
    if REAL_CORPUS.exists():
        advice[REAL] = recommend_method(measure(REAL_CORPUS))
    results = dict(outcomes(made, advice, say=lambda what: output().print(what, highlight=False)))
    output().print(held_against(advice, {name: one.recalls for name, one in results.items()}))
    published(results, machine)


if __name__ == "__main__":
    typer.run(main)
