"""One user's trial: a phone learns from their first messages and is tested on their last."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from device_runtime.simulation.device import Device, LocalDevice, PredictionQuery
from device_runtime.simulation.held_out import WHOLE, HeldOutWord, SimulatedUser, TrialPlan, held_out_words, parts
from device_runtime.simulation.report import GateVerdict
from keyboard_model.metrics import WordCounts, count_word


class Trial(BaseModel):
    """What one user's phone did: counts rather than shares, so that users can be pooled.

    Attributes:
        shared_shown, personal_shown: For each word in order, "1" where it was among the three before anything of it was
            typed, else "0": what paired tests need.
        prediction_ms: Time of each next-word prediction of the personal keyboard; of several at once, their mean.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: str
    messages: int
    shared: WordCounts
    personal: WordCounts
    shared_shown: str
    personal_shown: str
    verdict: GateVerdict
    adapter_bytes: int
    adaptation_seconds: float
    prediction_ms: list[float]


def count_shown(word: HeldOutWord, suggested: list[str]) -> WordCounts:
    """Counts `word` without typing it: no characters."""
    return replace(count_word(word.word, suggested, None), characters=0)


def run_trial(engine: Engine, user: SimulatedUser, folder: Path, plan: TrialPlan = WHOLE) -> Trial:
    """Gives `user` a phone in `folder` (which must not exist yet) and tests it; see `evaluate_device`.

    Raises:
        PhoneError: the user's messages are none, or the phone cannot store them.
    """
    with Phone.open(folder, engine) as phone:
        return evaluate_device(LocalDevice(phone), user, plan)


def evaluate_device(phone: Device, user: SimulatedUser, plan: TrialPlan = WHOLE) -> Trial:
    """Lets `phone` learn from the user's first messages.

    Returns:
        The counts over every word of the last messages, for the shared and the personal keyboard.
    """
    learn_from, test = parts(user.messages, plan)
    learnt = phone.learn(learn_from)
    shared, personal = _Tally(), _Tally()
    for words in _blocks(held_out_words(test), phone.at_once):
        # The personal keyboard first: the second to ask finds the context's state in the cache.
        personal.add(_tested(phone, words, True, plan.keystrokes))
        shared.add(_tested(phone, words, False, plan.keystrokes))
    return Trial(
        user_id=user.user_id,
        messages=len(user.messages),
        shared=shared.counts,
        personal=personal.counts,
        shared_shown=shared.shown,
        personal_shown=personal.shown,
        verdict=learnt.verdict,
        adapter_bytes=phone.adapter_bytes(),
        adaptation_seconds=learnt.seconds,
        prediction_ms=personal.milliseconds,
    )


@dataclass(frozen=True)
class _Tested:
    """A block of words on one keyboard."""

    counts: list[WordCounts]
    shown: str
    seconds: float


class _Tally:
    """What came of the blocks so far."""

    def __init__(self) -> None:
        self.counts = WordCounts()
        self.shown = ""
        self.milliseconds: list[float] = []

    def add(self, tested: _Tested) -> None:
        self.counts += sum(tested.counts, WordCounts())
        self.shown += tested.shown
        number = len(tested.counts)
        self.milliseconds += [round(1000 * tested.seconds / number, 4)] * number


def _blocks(words: Iterable[HeldOutWord], size: int) -> Iterator[list[HeldOutWord]]:
    rest = iter(words)
    while block := list(islice(rest, size)):
        yield block


def _tested(phone: Device, words: Sequence[HeldOutWord], personal: bool, keystrokes: bool) -> _Tested:
    started = time.perf_counter()
    suggested = phone.suggest([PredictionQuery(word, 0) for word in words], personal)
    seconds = time.perf_counter() - started
    if keystrokes:
        typed = _typed_out(phone, words, suggested, personal)
        counts = [count_word(word.word, keys, n) for word, keys, n in zip(words, suggested, typed, strict=True)]
    else:
        counts = [count_shown(word, keys) for word, keys in zip(words, suggested, strict=True)]
    shown = "".join(str(int(word.word in keys)) for word, keys in zip(words, suggested, strict=True))
    return _Tested(counts, shown, seconds)


def _typed_out(
    phone: Device, words: Sequence[HeldOutWord], suggested: Sequence[list[str]], personal: bool
) -> list[int | None]:
    """After how many of its characters each word shows; None where it never does."""
    after = [0 if word.word in keys else None for word, keys in zip(words, suggested, strict=True)]
    for typed in range(1, 1 + max(len(word.word) for word in words)):
        waiting = [i for i, word in enumerate(words) if after[i] is None and typed <= len(word.word)]
        if not waiting:
            continue  # a longer word may go on
        found = phone.suggest([PredictionQuery(words[i], typed) for i in waiting], personal)
        for i, keys in zip(waiting, found, strict=True):
            if words[i].word in keys:
                after[i] = typed
    return after
