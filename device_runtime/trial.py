"""One user's trial: a real phone learns from their first messages and is tested on their last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from device_runtime.engine import Engine
from device_runtime.held_out import WHOLE, HeldOutWord, Message, SimulatedUser, TrialPlan, held_out_words, parts
from device_runtime.phone import Phone
from device_runtime.report import GateVerdict
from keyboard_model.metrics import WordCounts, count_word

SHOWN = 3  # suggestions a keyboard has room for


class Trial(BaseModel):
    """What one user's phone did: counts rather than shares, so that users can be pooled.

    Attributes:
        shared_shown, personal_shown: For each word in order, "1" where it was among the three before anything of it was
            typed, else "0": what paired tests need.
        prediction_ms: Time of each next-word prediction of the personal keyboard.
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


def suggest(phone: Phone, word: HeldOutWord, typed: int, personal: bool) -> list[str]:
    """Returns the words shown after `typed` characters of `word`, best first."""
    shown = phone.predict(word.context, word.word[:typed], k=SHOWN, personal=personal)
    return [suggestion.word for suggestion in shown]


def count(phone: Phone, word: HeldOutWord, suggested: list[str], personal: bool) -> WordCounts:
    """Types `word` until it shows, given what was suggested before anything was typed."""
    if word.word in suggested:
        return count_word(word.word, suggested, 0)
    for typed in range(1, len(word.word) + 1):
        if word.word in suggest(phone, word, typed, personal):
            return count_word(word.word, suggested, typed)
    return count_word(word.word, suggested, None)


def count_shown(phone: Phone, word: HeldOutWord, suggested: list[str], personal: bool) -> WordCounts:
    """Counts `word` without typing it: no characters."""
    return replace(count_word(word.word, suggested, None), characters=0)


def new_phone(engine: Engine, folder: Path, learn_from: Sequence[Message]) -> Phone:
    """Returns a phone in a new `folder` that has observed these messages; close it after use."""
    phone = Phone.open(folder, engine)
    try:
        phone.observe_many((text, at) for at, text in learn_from)
    except BaseException:
        phone.close()
        raise
    return phone


def run_trial(engine: Engine, user: SimulatedUser, folder: Path, plan: TrialPlan = WHOLE) -> Trial:
    """Gives `user` a phone in `folder` (which must not exist yet) and tests it.

    Returns:
        The counts over every word of the last messages, for the shared and the personal keyboard.

    Raises:
        PhoneError: the user's messages are none, or the phone cannot store them.
    """
    learn_from, test = parts(user.messages, plan)
    counted = count if plan.keystrokes else count_shown
    shared, personal, prediction_ms = WordCounts(), WordCounts(), []
    shared_shown, personal_shown = "", ""
    with new_phone(engine, folder, learn_from) as phone:
        adaptation = phone.adapt()
        for word in held_out_words(test):
            # The personal keyboard first: the second to ask finds the context's state in the cache.
            started = time.perf_counter()
            suggested = suggest(phone, word, 0, personal=True)
            prediction_ms.append(round(1000 * (time.perf_counter() - started), 4))
            personal += counted(phone, word, suggested, personal=True)
            personal_shown += str(int(word.word in suggested))
            suggested = suggest(phone, word, 0, personal=False)
            shared += counted(phone, word, suggested, personal=False)
            shared_shown += str(int(word.word in suggested))
        stored = phone.adapter_file()
    return Trial(
        user_id=user.user_id,
        messages=len(user.messages),
        shared=shared,
        personal=personal,
        shared_shown=shared_shown,
        personal_shown=personal_shown,
        verdict=GateVerdict(kept=adaptation.verdict.kept, reason=adaptation.verdict.reason),
        adapter_bytes=len(stored) if stored else 0,
        adaptation_seconds=adaptation.seconds,
        prediction_ms=prediction_ms,
    )
