"""A trial of one user: a phone learns from the user's first messages and is tested on the last ones, in two ways.

*Frozen*: the phone learns nothing from the messages of the test. *Prequential* (Dawid 1984): it predicts each message
of the test, and then counts it, as a real phone does. The adapter stays the same, because a phone adapts only now and
then, while its n-grams grow with each message.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from device_runtime.simulation.device import Device, LocalDevice, PredictionQuery
from device_runtime.simulation.held_out import (
    DEFAULT_PLAN,
    HeldOutWord,
    Message,
    SimulatedUser,
    TrialPlan,
    held_out_words,
    split_messages,
)
from device_runtime.simulation.report import GateVerdict
from keyboard_model.metrics import WordCounts, count_word


class Trial(BaseModel):
    """The result of one user's trial. It has counts instead of shares, so that the counts of users can be added.

    Attributes:
        shared, personal: The frozen test. `shared` has no words if it was left out.
        prequential: The personal keyboard in the prequential test, without characters. None if it was left out.
        shared_shown, personal_shown, prequential_shown: One character for each word in order: "1" if the word was among
            the three suggestions before any of its letters was typed, else "0". Paired figures need this.
        prediction_ms: Time of each next-word prediction of the personal keyboard. For a batch of words, each word has
            the mean time of the batch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: str
    messages: int
    shared: WordCounts
    personal: WordCounts
    prequential: WordCounts | None
    shared_shown: str
    personal_shown: str
    prequential_shown: str | None
    verdict: GateVerdict
    adapter_bytes: int
    adaptation_seconds: float
    prediction_ms: list[float]


def count_shown(word: HeldOutWord, suggested: list[str]) -> WordCounts:
    """Counts `word` without typing it, so without characters."""
    return replace(count_word(word.word, suggested, None), characters=0)


def run_trial(engine: Engine, user: SimulatedUser, folder: Path, plan: TrialPlan = DEFAULT_PLAN) -> Trial:
    """Gives `user` a phone in `folder`, which must not exist yet, and tests it. See `evaluate_device`.

    Raises:
        PhoneError: a message is not valid, or the phone cannot store the messages.
    """
    with Phone.open(folder, engine) as phone:
        return evaluate_device(LocalDevice(phone), user, plan)


def evaluate_device(phone: Device, user: SimulatedUser, plan: TrialPlan = DEFAULT_PLAN) -> Trial:
    """Lets `phone` learn from the user's first messages, then tests its keyboards on every word of the last ones.

    The frozen test comes first. After the prequential one, the phone has observed all of these messages.
    """
    learn_from, test = split_messages(user.messages, plan)
    adaptation = phone.learn(learn_from)
    shared, personal = _KeyboardResult(), _KeyboardResult()
    for words in _batches(held_out_words(test), phone.batch_size):
        # The personal keyboard is first. The second keyboard finds the state of the context in the cache.
        personal.add(_test_words(phone, words, True, plan.keystrokes))
        if plan.shared:
            shared.add(_test_words(phone, words, False, plan.keystrokes))
    prequential = _test_prequentially(phone, test) if plan.prequential else None
    return Trial(
        user_id=user.user_id,
        messages=len(user.messages),
        shared=shared.counts,
        personal=personal.counts,
        prequential=prequential.counts if prequential else None,
        shared_shown=shared.shown,
        personal_shown=personal.shown,
        prequential_shown=prequential.shown if prequential else None,
        verdict=adaptation.verdict,
        adapter_bytes=phone.adapter_bytes(),
        adaptation_seconds=adaptation.seconds,
        prediction_ms=personal.milliseconds,
    )


@dataclass
class _KeyboardResult:
    """The result of one keyboard on the words tested so far. See `Trial`."""

    counts: WordCounts = field(default_factory=WordCounts)
    shown: str = ""
    milliseconds: list[float] = field(default_factory=list)

    def add(self, other: _KeyboardResult) -> None:
        self.counts += other.counts
        self.shown += other.shown
        self.milliseconds += other.milliseconds


def _test_prequentially(phone: Device, test: Sequence[Message]) -> _KeyboardResult:
    result = _KeyboardResult()
    for message in test:
        for words in _batches(held_out_words([message]), phone.batch_size):
            result.add(_test_words(phone, words, True, keystrokes=False))
        phone.observe(message)
    return result


def _batches(words: Iterable[HeldOutWord], size: int) -> Iterator[list[HeldOutWord]]:
    rest = iter(words)
    while batch := list(islice(rest, size)):
        yield batch


def _test_words(phone: Device, words: Sequence[HeldOutWord], personal: bool, keystrokes: bool) -> _KeyboardResult:
    started = time.perf_counter()
    suggested = phone.suggest([PredictionQuery(word, 0) for word in words], personal)
    seconds = time.perf_counter() - started
    if keystrokes:
        typed = _typed_until_shown(phone, words, suggested, personal)
        counts = [count_word(word.word, keys, n) for word, keys, n in zip(words, suggested, typed, strict=True)]
    else:
        counts = [count_shown(word, keys) for word, keys in zip(words, suggested, strict=True)]
    shown = "".join(str(int(word.word in keys)) for word, keys in zip(words, suggested, strict=True))
    return _KeyboardResult(sum(counts, WordCounts()), shown, [round(1000 * seconds / len(words), 4)] * len(words))


def _typed_until_shown(
    phone: Device, words: Sequence[HeldOutWord], suggested: Sequence[list[str]], personal: bool
) -> list[int | None]:
    """Returns after how many typed characters each word is shown, or None for a word that is never shown."""
    after = [0 if word.word in keys else None for word, keys in zip(words, suggested, strict=True)]
    for typed in range(1, 1 + max(len(word.word) for word in words)):
        waiting = [i for i, word in enumerate(words) if after[i] is None and typed <= len(word.word)]
        if not waiting:
            continue  # a longer word can still be waiting
        shown = phone.suggest([PredictionQuery(words[i], typed) for i in waiting], personal)
        for i, keys in zip(waiting, shown, strict=True):
            if words[i].word in keys:
                after[i] = typed
    return after
