"""Methods measured in TFF: each client's words under the shared and under its own model, by what they learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from federated.job import PersonalizationConfig
from federated.method import Method
from federated.personal_program import Learnt
from keyboard_model.metrics import WordCounts
from thumbprint.client_tallies import tallies
from thumbprint.comparison.setting import Setting

User = tuple[str, Sequence[str], Sequence[str]]
"""(user, messages to learn from, messages to test on)."""


class Counts(NamedTuple):
    """One user's words under both models; no characters are counted in TFF."""

    user: str
    shared: WordCounts
    personal: WordCounts


def measured(
    setting: Setting, method: Method, config: PersonalizationConfig, learnt: Learnt, users: Sequence[User]
) -> Iterator[Counts]:
    """Personalizes and tests each user; users without a word to test are left out."""
    texts = {user: (messages, test) for user, messages, test in users}
    plan = method.plan(config, setting.tokenizer.bos)
    for one in tallies(method, setting.base, learnt, plan, setting.tokenizer, list(texts), texts.__getitem__):
        if one.shared.counts.words:
            yield Counts(one.client, one.shared.counts, one.personal.counts)
