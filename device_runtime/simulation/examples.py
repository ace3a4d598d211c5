"""Example predictions before and after personalization, chosen by a rule that shows losses as often as they occur.

The examples come from the users whose gain is nearest to the median. Both keyboards predict every held-out word of
these users. An example is a word that exactly one keyboard suggested. The wins and losses of the personal keyboard
have the same proportion as in all predictions, and are taken at equal distances from the messages in order. The report
shows the rule and the counts beside the examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from device_runtime.simulation.device import DeviceFactory, PredictionQuery
from device_runtime.simulation.held_out import SimulatedUser, held_out_words
from device_runtime.simulation.report import Report
from keyboard_model.batching import split_by_time

TYPICAL_USERS = 5


@dataclass(frozen=True)
class Example:
    """One held-out word: what each keyboard showed after `context`, and the word that the user `typed`."""

    context: str
    shared: list[str]
    personal: list[str]
    typed: str

    @property
    def won(self) -> bool:
        """Whether the personal keyboard showed the typed word."""
        return self.typed in self.personal


@dataclass(frozen=True)
class Examples:
    """The examples, in the order of users and messages, and a sentence on how they were chosen."""

    items: Sequence[Example]
    explanation: str


def typical_users(report: Report, count: int = TYPICAL_USERS) -> list[str]:
    """Returns the ids of the users in the aggregates whose gain is nearest to the median, nearest first."""
    median = report.gain.recall_at_3.median
    if median is None:
        return []
    distance = {
        row.user_id: abs(row.personal.recall_at_3 - row.shared.recall_at_3 - median)
        for row in report.clients
        if row.in_aggregates and row.personal and row.shared
    }
    return sorted(distance, key=lambda user_id: (round(distance[user_id], 12), user_id))[:count]


def pick_examples(
    new_device: DeviceFactory, users: Iterable[SimulatedUser], report: Report, *, count: int = 10
) -> Examples:
    """Chooses examples from the held-out messages of typical users. The choice is deterministic.

    Args:
        new_device: Makes phones with the report's bundle.
        users: The users of the simulation. Only the typical ones are used.
        report: Decides who is typical, and what share of the messages the phones learn from.
        count: Number of examples. There are fewer if the keyboards differ less often.
    """
    wanted = typical_users(report)
    by_id = {user.user_id: user for user in users if user.user_id in wanted}
    typical = [by_id[user_id] for user_id in wanted if user_id in by_id]
    predictions: list[Example] = []
    for user in typical:
        predictions += _predictions(new_device, user, report.train_share)
    items = choose_examples(predictions, count)
    if not items:
        return Examples((), "The two keyboards suggested the same words wherever one of them was right.")
    return Examples(items, _explanation(predictions, items, len(typical)))


def choose_examples(predictions: Sequence[Example], count: int) -> list[Example]:
    """Returns at most `count` words that exactly one keyboard suggested, with wins and losses in proportion.

    If there is any loss, at least one is included, and likewise for wins.
    """
    differing = [i for i, e in enumerate(predictions) if (e.typed in e.shared) != e.won]
    wins = [i for i in differing if predictions[i].won]
    losses = [i for i in differing if not predictions[i].won]
    total = min(count, len(differing))
    if not total:
        return []
    shown = round(total * len(wins) / len(differing))
    if total > 1:
        shown = min(max(shown, min(1, len(wins))), total - min(1, len(losses)))
    picked = _evenly(wins, shown) + _evenly(losses, total - shown)
    return [predictions[i] for i in sorted(picked)]


def _predictions(new_device: DeviceFactory, user: SimulatedUser, train_share: float) -> list[Example]:
    learn_from, test = split_by_time(user.messages, train_share)
    queries = [PredictionQuery(word, 0) for word in held_out_words(test)]
    with new_device(user.user_id) as phone:
        phone.learn(learn_from)
        shared, personal = phone.suggest(queries, False), phone.suggest(queries, True)
    return [
        Example(query.word.context, shared=from_shared, personal=from_personal, typed=query.word.word)
        for query, from_shared, from_personal in zip(queries, shared, personal, strict=True)
    ]


def _evenly(items: Sequence[int], count: int) -> list[int]:
    """Returns `count` of the items at equal distances: the middle of each of `count` equal parts."""
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]


def _words(count: int) -> str:
    return "1 word" if count == 1 else f"{count:,} words"


def _explanation(predictions: Sequence[Example], shown: Sequence[Example], users: int) -> str:
    both = sum(e.won and e.typed in e.shared for e in predictions)
    wins = sum(e.won and e.typed not in e.shared for e in predictions)
    losses = sum(not e.won and e.typed in e.shared for e in predictions)
    who = "the user" if users == 1 else f"the {users} users"
    return (
        f"From {who} whose gain is nearest to the median. Of {_words(len(predictions))} that their phones had not "
        f"seen, both keyboards suggested {both:,}, only the personal one {wins:,}, only the shared one {losses:,}, "
        f"and neither {len(predictions) - both - wins - losses:,}. The {len(shown)} examples are words that exactly "
        "one keyboard suggested, with wins and losses in this proportion, evenly spread over the messages."
    )
