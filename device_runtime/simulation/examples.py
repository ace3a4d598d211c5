"""Ten predictions before and after, chosen by a rule that shows losses as often as they come.

Of the users nearest the median gain, every held-out word is predicted by both keyboards. Shown are words
that exactly one of the two suggested: as many wins of each keyboard, in proportion, as those users had,
taken at even distances through their messages. The rule and the counts stand beside the examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from device_runtime.simulation.device import NewPhone, PredictionQuery
from device_runtime.simulation.held_out import SimulatedUser, held_out_words
from device_runtime.simulation.report import Report
from keyboard_model.batching.time_splits import split_by_time

TYPICAL_USERS = 5


@dataclass(frozen=True)
class Example:
    """One held-out word: what each keyboard showed after `context`, and what was `typed` then."""

    context: str
    shared: list[str]
    personal: list[str]
    typed: str

    @property
    def won(self) -> bool:
        """Whether the personal keyboard showed the word typed."""
        return self.typed in self.personal


@dataclass(frozen=True)
class Examples:
    """The examples, in the users' and messages' order, and how they were chosen, in words."""

    items: Sequence[Example]
    chosen: str


def typical_users(report: Report, count: int = TYPICAL_USERS) -> list[str]:
    """Returns the ids of the users in the aggregates whose gain is nearest the median, nearest first."""
    median = report.gain.recall_at_3.median
    if median is None:
        return []
    distance = {
        row.user_id: abs(row.personal.recall_at_3 - row.shared.recall_at_3 - median)
        for row in report.clients
        if row.in_aggregates and row.personal and row.shared
    }
    return sorted(distance, key=lambda user_id: (round(distance[user_id], 12), user_id))[:count]


def _predictions(new_phone: NewPhone, user: SimulatedUser, train_share: float) -> list[Example]:
    learn_from, test = split_by_time(user.messages, train_share)
    asked = [PredictionQuery(word, 0) for word in held_out_words(test)]
    with new_phone(user.user_id) as phone:
        phone.learn(learn_from)
        shared, personal = phone.suggest(asked, False), phone.suggest(asked, True)
    return [
        Example(each.word.context, shared=without, personal=own, typed=each.word.word)
        for each, without, own in zip(asked, shared, personal, strict=True)
    ]


def _evenly(items: Sequence[int], count: int) -> list[int]:
    """Returns `count` of the items at even distances (the middle of each of `count` equal parts)."""
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]


def choose(predictions: Sequence[Example], count: int) -> list[Example]:
    """Returns at most `count` words that one keyboard alone suggested, wins and losses in proportion.

    A loss, where there was one, is never rounded away, nor is a win.
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


def _words(count: int) -> str:
    return "1 word" if count == 1 else f"{count:,} words"


def _said(predictions: Sequence[Example], shown: Sequence[Example], users: int) -> str:
    both = sum(e.won and e.typed in e.shared for e in predictions)
    wins = sum(e.won and e.typed not in e.shared for e in predictions)
    losses = sum(not e.won and e.typed in e.shared for e in predictions)
    who = "the person" if users == 1 else f"the {users} people"
    return (
        f"From {who} whose gain is nearest the median. Of {_words(len(predictions))} that their phones had never "
        f"seen, both keyboards suggested {both:,}, only the personal one {wins:,}, only the shared one {losses:,}, "
        f"neither {len(predictions) - both - wins - losses:,}. Shown are {len(shown)} that one of the two suggested "
        f"and the other did not, wins and losses in that proportion, evenly through the messages."
    )


def pick_examples(new_phone: NewPhone, users: Iterable[SimulatedUser], report: Report, *, count: int = 10) -> Examples:
    """Chooses examples from the held-out messages of typical users; deterministic.

    Args:
        new_phone: Makes phones with the bundle that `report` is about.
        users: The users of the simulation; only the typical ones are kept.
        report: Says who is typical, and what share of the messages is learnt from.
        count: Examples wanted; fewer come where the keyboards differ less often.
    """
    wanted = typical_users(report)
    found = {user.user_id: user for user in users if user.user_id in wanted}
    typical = [found[user_id] for user_id in wanted if user_id in found]
    predictions: list[Example] = []
    for user in typical:
        predictions += _predictions(new_phone, user, report.train_share)
    items = choose(predictions, count)
    if not items:
        return Examples((), "The two keyboards suggested the same words wherever one of them was right.")
    return Examples(items, _said(predictions, items, len(typical)))
