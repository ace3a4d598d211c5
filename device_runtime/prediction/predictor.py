"""Suggests whole words for a keyboard's keys, from the shared model, the adapter and the owner's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from device_runtime.adapter.adapter import Adapter
from device_runtime.adapter.encodings import Array
from device_runtime.inference.context_cache import truncate_context
from device_runtime.inference.engine import Engine
from device_runtime.prediction.capitalization import begins_sentence
from device_runtime.prediction.typed_context import TypedContext
from device_runtime.prediction.typo_correction import complete_with_typos, is_known
from device_runtime.prediction.user_model import UserModel, UserNgramModel
from device_runtime.prediction.word_search import Hidden, WordSearch
from keyboard_model.text.casing import lower_case
from keyboard_model.text.units import is_followed_by_space, is_too_long

_EXTRA = 7
"""Personal words ranked beyond the k shown, so that the personal probabilities of most shared words are known."""

Ranked = Sequence[tuple[str, float]]
"""Words with their probabilities, most probable first."""


@dataclass(frozen=True)
class Suggestion:
    """One suggested word.

    Attributes:
        word: In lower case, as the model knows it.
        text: What the key shows, with upper case restored.
        probability: The probability that this is the next word, before any of its letters were typed.
        replaces: How many code points before the cursor the word takes the place of: the part of it typed so far.
        space_after: Whether a space follows the word. Scripts such as Thai and Chinese put none between words.
        then: A second word, as the key shows it; empty if only one is suggested (see `two_words`). `space_after` is
            then that of the second word, and a space is between the two.
    """

    word: str
    text: str
    probability: float
    replaces: int
    space_after: bool
    then: str = ""


class Suggestions(NamedTuple):
    """What both keyboards suggest: up to k different words each, the most probable first."""

    personal: list[Suggestion]
    shared: list[Suggestion]


def suggest(
    engine: Engine, adapter: Adapter, user_model: UserModel, typed: TypedContext, k: int, hidden: Hidden | None = None
) -> Suggestions:
    """Returns the suggestions of the owner's keyboard, and those of the shared model, which it begins with.

    Args:
        engine: Runs the bundle.
        adapter: The owner's adapter, or the bundle's initial one.
        user_model: The owner's counts; an empty one adds nothing.
        typed: What was typed.
        k: How many words at most.
        hidden: Whether a word must not be suggested; None = every word may be.
    """
    initial = engine.bundle.adapter_init
    if is_too_long(typed.prefix):
        return Suggestions([], [])  # nothing completes it, and the search would take minutes
    context = truncate_context(engine.tokenizer.encode(typed.text).ids)
    if adapter is initial and (not user_model.history.total or user_model.history.is_off):
        ranked = shared = _search(engine, context, initial, UserNgramModel.empty(), typed, k, hidden)
    else:
        shared = _search(engine, context, initial, UserNgramModel.empty(), typed, k, hidden)
        personal = _search(engine, context, adapter, user_model.history, typed, k + _EXTRA, hidden)
        if typed.prefix:  # a word that the personal search takes for invented does not come back
            known = {word for word, _ in personal}
            offered = [
                item for item in shared if item[0] in known or is_known(item[0], engine.lexicon, user_model.history)
            ]
        else:
            offered = shared
        ranked = apply_swap_margin(offered, personal, engine.bundle.manifest.recipe.swap_margin, k)
    sentence_start = begins_sentence(typed.before)
    restore = user_model.capitalization.restore

    def as_typed(words: Ranked) -> list[Suggestion]:
        return [
            Suggestion(
                word,
                restore(word, typed.in_case_of(word), sentence_start),
                probability,
                typed.replaces,
                is_followed_by_space(word),
            )
            for word, probability in words
        ]

    return Suggestions(as_typed(ranked), as_typed(shared))


def _search(
    engine: Engine,
    context: tuple[int, ...],
    adapter: Adapter,
    history: UserNgramModel,
    typed: TypedContext,
    k: int,
    hidden: Hidden | None,
) -> list[tuple[str, float]]:
    def next_pieces(pieces: tuple[int, ...]) -> Array:
        return engine.reader.log_probs(context + pieces, adapter)

    projection = engine.reader.projection(context, adapter) if history.needs_projection else None
    shared = next_pieces(()) if history.needs_shared else None
    mixture = history.mixture([unit.text for unit in typed.before[-2:]], projection, shared)
    prefix = lower_case(typed.prefix)
    exact = WordSearch(engine.lexicon, next_pieces, history, mixture, prefix, k, hidden).run()
    return complete_with_typos(exact, engine.lexicon, next_pieces, history, mixture, prefix, k, hidden)


def apply_swap_margin(shared: Ranked, personal: Ranked, margin: float, k: int) -> list[tuple[str, float]]:
    """Chooses k words: the shared model's, unless the owner's own words are clearly more probable.

    A swap between two words of nearly the same probability gains nothing on average, and for one owner it is a coin
    toss. With a margin of 0.5, the share of validation users (NUS SMS) whom the personal keyboard hurts fell from 17 %
    to 9 %, at the cost of a tenth of the gain.

    >>> shared = [("you", 0.2), ("the", 0.1), ("me", 0.05)]
    >>> apply_swap_margin(shared, [("you", 0.2), ("the", 0.1), ("mum", 0.06), ("me", 0.05)], margin=0.5, k=3)
    [('you', 0.2), ('the', 0.1), ('me', 0.05)]
    >>> apply_swap_margin(shared, [("mum", 0.3), ("you", 0.2), ("the", 0.1), ("me", 0.05)], margin=0.5, k=3)
    [('mum', 0.3), ('you', 0.2), ('the', 0.1)]

    Args:
        shared: The shared model's k words. Their probabilities are not used.
        personal: The personal model's words, more than k of them, with the probabilities to return. A shared word that
            is not among them is assumed to be as probable as the last one.
        margin: A personal word replaces a shared word if it is more than (1 + margin) times as probable. 0 gives the k
            best personal words.
        k: How many words at most.

    Returns:
        Words with their personal probabilities, the most probable first; ties in alphabetical order.
    """
    probability = dict(personal)
    bound = personal[-1][1] if personal else 0.0
    chosen = {word: probability.get(word, bound) for word, _ in shared[:k]}
    for word, chance in personal:
        if word in chosen:
            continue
        if len(chosen) == k:
            weakest = min(chosen, key=lambda kept: (chosen[kept], kept))
            if chance <= (1.0 + margin) * chosen[weakest]:
                break
            del chosen[weakest]
        chosen[word] = chance
    return sorted(chosen.items(), key=lambda item: (-item[1], item[0]))
