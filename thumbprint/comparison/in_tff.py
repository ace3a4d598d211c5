"""Methods measured in TFF: each client's words under the shared and under its own model, by what they learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from federated.job import PersonalizationConfig
from federated.method import Method
from federated.personal_program import Learnt
from keyboard_model.metrics import WordCounts
from thumbprint.client_tallies import Tally, tallies
from thumbprint.comparison.setting import Setting

User = tuple[str, Sequence[str], Sequence[str]]
"""(user, messages to learn from, messages to test on)."""


class Counts(NamedTuple):
    """One user's words under both models; no characters are counted in TFF."""

    user: str
    shared: WordCounts
    personal: WordCounts


class InTff:
    """Personalizes and tests users in TFF. The shared model is the same for every method: a text tests it once."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._shared: dict[tuple[str, int, tuple[str, ...]], Tally] = {}

    def measured(
        self, method: Method, config: PersonalizationConfig, learnt: Learnt, users: Sequence[User]
    ) -> Iterator[Counts]:
        """Personalizes and tests each user; users without a word to test are left out."""
        if not users:  # nothing to compile for
            return
        texts = {user: (messages, test) for user, messages, test in users}
        keys = {user: (user, config.window, tuple(test)) for user, _, test in users if test}
        known = {user: self._shared[key] for user, key in keys.items() if key in self._shared}
        found = tallies(
            method,
            self._setting.base,
            learnt,
            method.plan(config, self._setting.tokenizer.bos),
            self._setting.tokenizer,
            list(texts),
            texts.__getitem__,
            of_shared=known if len(known) == len(keys) else None,
        )
        for one in found:
            self._shared[keys[one.client]] = one.shared
            if one.shared.counts.words:
                yield Counts(one.client, one.shared.counts, one.personal.counts)
