"""The fictional people of the synthetic corpus: their contacts, activities, spelling and typing hours."""

from __future__ import annotations

import random
from dataclasses import dataclass

from federated.corpus.synthetic import vocabulary
from federated.corpus.synthetic.grammar import GRAMMAR

Weighted = dict[str, tuple[list[str], list[float]]]


def _parse(grammar: str) -> dict[str, list[str]]:
    rules: dict[str, list[str]] = {}
    for line in filter(None, grammar.splitlines()):
        symbol, _, alternatives = line.partition(" = " if " = " in line else " += ")
        rules.setdefault(symbol, []).extend(alternatives.split(" | "))
    return rules


RULES = _parse(GRAMMAR)


@dataclass(frozen=True)
class Persona:
    """One fictional person.

    Attributes:
        user_id: `synthetic-NNN`.
        rules: For each symbol of the grammar, including personal ones, its alternatives and their weights.
        short_forms: Short forms of words and phrases; longer phrases first.
        closers: Endings of a message.
        habits: Probabilities by name: `optional` parts, a second sentence, a closer, a tag, a capital.
        stop: The end of a sentence.
        tags: Additions to a sentence.
        hours: Weight of each hour of the day for typing.
        profile: Fictional attributes.
    """

    user_id: str
    rules: Weighted
    short_forms: dict[str, str]
    closers: list[str]
    habits: dict[str, float]
    stop: str
    tags: list[str]
    hours: list[float]
    profile: dict[str, str | None]


def make_persona(number: int, seed: int) -> Persona:
    """Generates person `number` of a population; equal arguments give an equal person on every machine."""
    rng = random.Random(f"persona {seed} {number}")
    country = rng.choice(list(vocabulary.COUNTRIES))
    parents, money, tags = vocabulary.COUNTRIES[country]
    job, hobby = rng.choice(list(vocabulary.WORK)), rng.choice(list(vocabulary.HOBBIES))
    own = _own_symbols(rng, job, hobby)
    own |= {"FAMILY": [*parents, f"aunt {rng.choice(vocabulary.NAMES)}"], "CURRENCY": money}
    own["FAMILY_OF"] = [f"{name}'s" for name in own["FAMILY"]]
    own["HOME_OF"] = ["my", *(f"{name}'s" for name in own["FRIEND"])]
    texting = rng.random() ** 1.5
    return Persona(
        user_id=f"synthetic-{number:03d}",
        rules={symbol: _preferred(rng, alternatives) for symbol, alternatives in (RULES | own).items()},
        short_forms={
            long: rng.choice(short) for long, [short] in vocabulary.SHORT_FORMS.items() if rng.random() < texting
        },
        closers=rng.sample(vocabulary.CLOSERS, 2),
        habits={
            "optional": rng.uniform(0.1, 0.6),
            "second sentence": rng.uniform(0.1, 0.6),
            "closer": rng.choice([0.0, 0.1, 0.3, 0.6]),
            "tag": rng.choice([0.0, 0.05, 0.1, 0.3]),
            "capital": rng.choice([0.0, 0.0, 0.9, 1.0]),
        },
        stop=rng.choice(["", "", ".", ".", "...", "!", "!!"]),
        tags=rng.sample(tags, min(2, len(tags))),
        hours=_hours(rng),
        profile={
            "country": country,
            "gender": rng.choice(["female", "male", "other", None]),
            "age": rng.choice(["16-20", "21-25", "26-30", "31-40", "41-60", None]),
            "occupation": job,
            "made_up": "yes",
        },
    )


def _own_symbols(rng: random.Random, job: str, hobby: str) -> dict[str, list[str]]:
    people, tasks, work_places = vocabulary.WORK[job]
    acts, things, hobby_places, coach = vocabulary.HOBBIES[hobby]
    names = rng.sample(vocabulary.NAMES, 12)
    cafes = [f"the {rng.choice(vocabulary.CAFE_FIRST)} {rng.choice(vocabulary.CAFE_LAST)}" for _ in range(3)]
    return {
        "FRIEND": [*names[:5], _nickname(rng), _nickname(rng)],
        "COLLEAGUE": names[5:9],
        "BOSS": names[9:10],
        "ME": names[10:11],
        "DEAR": [names[11], *rng.sample(vocabulary.ENDEARMENTS, 2)],
        "PET": [_nickname(rng)],
        "RELATIVE": rng.sample(vocabulary.RELATIVES, 3),
        "AREA": rng.sample(vocabulary.AREAS, 4),
        "CAFE": cafes,
        "CITY": rng.sample(vocabulary.CITIES, 4),
        "DISH": rng.sample(vocabulary.DISHES, 6),
        "DRINK": rng.sample(vocabulary.DRINKS, 3),
        "MEAL": rng.sample(vocabulary.MEALS, 3),
        "SHOW": rng.sample(vocabulary.SHOWS, 3),
        "BAND": rng.sample(vocabulary.BANDS, 2),
        "PHRASE": rng.sample(vocabulary.PHRASES, 4),
        "LAUGH": rng.sample(vocabulary.LAUGHS, 2),
        "DAY": rng.sample(RULES["weekday"], 2),
        "WORK_PERSON": people,
        "WORK_THING": tasks,
        "WORK_PLACE": work_places,
        "HOBBY_ACT": acts,
        "HOBBY_THING": things,
        "HOBBY_PLACE": hobby_places,
        "COACH": coach,
    }


def _nickname(rng: random.Random) -> str:
    return "".join(rng.sample(vocabulary.SYLLABLES, rng.choice([2, 2, 3])))


def _preferred(rng: random.Random, alternatives: list[str]) -> tuple[list[str], list[float]]:
    """Weighs alternatives: earlier ones are more common for all people, and each person has favourites."""
    weights = [(rank + 2) ** -0.7 * rng.lognormvariate(0.0, 1.2) for rank in range(len(alternatives))]
    return alternatives, weights


def _hours(rng: random.Random) -> list[float]:
    wakes, chatty = rng.randint(5, 10), rng.randint(12, 22)
    return [0.02 if (hour - wakes) % 24 > 16 else 3.0 if abs(hour - chatty) < 2 else 1.0 for hour in range(24)]
