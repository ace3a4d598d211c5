"""Synthetic populations of graded heterogeneity, to check the measures and the recommendation of a method.

In `identical`, all users are one person. In `disjoint`, each user has their own names, places, phrases, work, hobbies
and habits. Between the two, a share h of a user's messages is their own and the rest comes from the one person, so the
user's distribution of words is exactly the mixture (1 − h)·common + h·own. In `clusters`, each user is one of three
people. All messages are generated, and the same code gives the same messages everywhere.

`python -m benchmarks.graded` writes the populations to runs/graded, and shows what is measured on them and recommended
for them. With `--measure` it compares the methods on each population, and the recommended one with the best
(`benchmarks.graded_comparison`).
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
from thumbprint.console import output, silence_tensorflow

FOLDER = Path(__file__).parent.parent / "runs" / "graded"
REAL_CORPUS = Path(__file__).parent.parent / "runs" / "nus_sms" / "corpus.sqlite"
GRADES = {"identical": 0.0, "quarter": 0.25, "half": 0.5, "three quarters": 0.75, "disjoint": 1.0}
CLUSTERS = 3
USERS, MESSAGES = 40, 120
_SEED = 7
_FIRST = datetime(2024, 1, 8)
_KEPT = {"my"}  # an English word among the words of a persona


def populations(folder: Path, users: int = USERS, messages: int = MESSAGES) -> list[tuple[str, Path]]:
    """Writes each population that is missing as a corpus into `folder`. Returns names and paths, by grade."""
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
    """Yields the messages of `users` users. A share `h` of each user's messages is their own, evenly spread."""
    common = _common_messages(users * messages)
    for number, own in enumerate(_speakers(users, messages)):
        texts = (own[i] if int((i + 1) * h) > int(i * h) else next(common) for i in range(messages))
        yield from _records(number, texts)


def clustered(users: int, messages: int) -> Iterator[Record]:
    """Yields the messages of `users` users, each of whom is one of `CLUSTERS` people."""
    shared = [iter(texts) for texts in _speakers(CLUSTERS, (users // CLUSTERS + 1) * messages)]
    for number in range(users):
        yield from _records(number, (next(shared[number % CLUSTERS]) for _ in range(messages)))


def advice_table(recommendations: Mapping[str, Recommendation], winners: Mapping[str, Mapping[str, float]]) -> Table:
    """Returns a table of the recommended methods beside the measured best.

    Args:
        recommendations: The recommendation for each population.
        winners: For each population, recall_at_3 of each measured method (mean over users), as `thumbprint compare`
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
    """Returns a table of the measures of each population, and the method recommended for it."""
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


def _common_messages(messages: int) -> Iterator[str]:
    return (record.text for record in synthetic_corpus(1, (messages, messages), _SEED + 1))


def _speakers(people: int, messages: int) -> Iterator[list[str]]:
    """Yields each person's messages, with unique words for the person's own things."""
    records = synthetic_corpus(people, (messages, messages), _SEED)
    for number, (_, own) in enumerate(groupby(records, key=lambda record: record.user_id)):
        rename = _renaming(make_persona(number, _SEED), number)
        yield [rename(record.text) for record in own]


def _renaming(persona: Persona, number: int) -> Callable[[str], str]:
    """Returns a function that replaces the names of a persona's own things by invented ones."""
    rng = random.Random(f"own words {_SEED} {number}")
    own = {thing for symbol, (things, _) in persona.rules.items() if symbol.isupper() for thing in things}
    own |= {thing for thing in (*persona.tags, *persona.closers) if thing[0].isalpha()}
    names = {
        thing: " ".join(_invented(number, rng) for _ in thing.split())
        for thing in sorted(own - _KEPT, key=lambda thing: (-len(thing), thing))
    }
    # Longer names first, so that the longest of several with the same beginning matches.
    anything = "|".join(map(re.escape, names))
    thing = re.compile(rf"(?<![\w'])(?:{anything})(?![\w'])", re.IGNORECASE)
    return lambda text: thing.sub(lambda found: names[found[0].lower()], text)


def _invented(number: int, rng: random.Random) -> str:
    return "".join(rng.choices(SYLLABLES, k=2)) + SYLLABLES[number % len(SYLLABLES)] + "aeiou"[number // len(SYLLABLES)]


def main(
    measured: Annotated[
        bool,
        typer.Option("--measure", help="Also compare the methods, and check the recommendation."),
    ] = False,
) -> None:
    """Writes the populations, measures how their users differ, and recommends a method for each."""
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
    from benchmarks.graded_comparison import REAL, outcomes, publish_outcomes  # imports TensorFlow

    advice = {name: advised for name, (_, advised) in found.items()}
    if REAL_CORPUS.exists():
        advice[REAL] = recommend_method(measure(REAL_CORPUS))
    results = dict(outcomes(made, advice, report=lambda line: output().print(line, highlight=False)))
    output().print(advice_table(advice, {name: one.recalls for name, one in results.items()}))
    publish_outcomes(results, machine)


if __name__ == "__main__":
    typer.run(main)
