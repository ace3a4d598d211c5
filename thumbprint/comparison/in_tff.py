"""Methods measured in TFF: each client's tally of the shared and of its own model, by what they learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from federated import evaluation, personalization
from federated.job import PersonalizationConfig
from federated.method import Method
from federated.personal_program import Learnt
from keyboard_model.metrics import WordCounts
from thumbprint.comparison.setting import Setting

_TOGETHER = 25  # clients a TFF call

User = tuple[str, Sequence[str], Sequence[str]]
"""(user, messages to learn from, messages to test on)."""


class Tallies(NamedTuple):
    """One user's words under both models; no characters are counted in TFF."""

    user: str
    shared: WordCounts
    personal: WordCounts


def measured(
    setting: Setting,
    method: Method,
    config: PersonalizationConfig,
    learnt: Learnt,
    users: Sequence[User],
    on_users: Callable[[int], None] = lambda number: None,
) -> Iterator[Tallies]:
    """Personalizes and tests each user; users without a word to test are left out.

    Args:
        on_users: called with how many users more are done.
    """
    tokenizer = setting.tokenizer
    plan = method.plan(config, tokenizer.bos)
    evaluate = personalization.build(method, setting.base, learnt.server, plan, tokenizer)
    for at in range(0, len(users), _TOGETHER):
        part = users[at : at + _TOGETHER]
        chosen, states, known, held_out, tested = [], [], [], [], []
        for user, messages, test in part:
            if batches := evaluation.evaluation_batches(tokenizer, test, config.batch, config.window):
                read, tail = personalization.adaptation_batches(tokenizer, messages, config)
                chosen.append(user)
                states.append(learnt.client(user))
                known.append(read)
                held_out.append(tail)
                tested.append(batches)
        found = evaluate(setting.base, learnt.server, states, known, held_out, tested) if chosen else ()
        for user, tallies in zip(chosen, found, strict=True):
            counts = Tallies(user, _counts(tallies["shared"]), _counts(tallies["personal"]))
            if counts.shared.words:
                yield counts
        on_users(len(part))


def _counts(tally: dict[str, float]) -> WordCounts:
    words, first, shown = (round(float(tally[name])) for name in ("words", "hits_at_1", "hits_at_3"))
    return WordCounts(words=words, hits_at_1=first, hits_at_3=shown)
