"""Whole words for the keyboard's three keys, from the shared model, the adapter and the owner's history."""

from __future__ import annotations

from dataclasses import dataclass

from device_runtime.adapter.adapter import Adapter, Array
from device_runtime.inference.context_cache import truncate_context
from device_runtime.inference.engine import Engine
from device_runtime.prediction.swap_margin import apply_swap_margin
from device_runtime.prediction.typo_correction import complete_with_typos
from device_runtime.prediction.word_search import Hidden, WordSearch
from device_runtime.user_model.capitalization import begins_sentence
from device_runtime.user_model.user_model import UserModel, UserNgramModel
from keyboard_model.text.units import Kind, Unit, normalize, units

_WIDER = 7
"""Personal words ranked beyond the k shown, so that a shared word's personal probability is mostly known."""


@dataclass(frozen=True)
class Suggestion:
    """One key.

    Attributes:
        word: Lower-cased, as the model knows it.
        text: What the key shows: case restored.
        probability: That this is the next word, whatever prefix of it was typed.
    """

    word: str
    text: str
    probability: float


@dataclass(frozen=True)
class TypedContext:
    """What stands before the cursor: `before`, whole units in `text`; `prefix`, the word being typed, in its case."""

    text: str
    before: list[Unit]
    prefix: str

    @classmethod
    def of(cls, context: str, prefix: str) -> TypedContext:
        """Splits what was typed. Of a `prefix` that is more than one word, the last is the one being typed."""
        prefix = normalize(prefix)
        found = units(prefix)
        if found and found[-1].kind is Kind.WORD and found[-1].end == len(prefix):
            whole, prefix = prefix[: found[-1].start], prefix[found[-1].start :]
        elif found:
            whole, prefix = prefix, ""
        else:
            whole, prefix = "", prefix.strip()  # an apostrophe, so far
        text = f"{context} {whole}" if whole.strip() else context
        return cls(text, units(text), prefix)

    def in_case_of(self, word: str) -> str:
        """The prefix; of a word that does not begin with it (a slip), its first letter in the case of the prefix's."""
        if word.startswith(self.prefix.lower()):
            return self.prefix
        return word[:1].upper() if self.prefix[:1].isupper() else word[:1]


def suggest(
    engine: Engine, adapter: Adapter, habits: UserModel, typed: TypedContext, k: int, hidden: Hidden | None = None
) -> list[Suggestion]:
    """Returns up to k different words, none of them `hidden`, the most probable first; empty `habits` add nothing."""
    initial = engine.bundle.adapter_init
    context = truncate_context(engine.tokenizer.encode(typed.text).ids)
    if adapter is initial and not habits.history.total:
        found = _search(engine, context, initial, habits.history, typed, k, hidden)
    else:
        shared = _search(engine, context, initial, UserNgramModel.empty(), typed, k, hidden)
        personal = _search(engine, context, adapter, habits.history, typed, k + _WIDER, hidden)
        found = apply_swap_margin(shared, personal, engine.bundle.manifest.recipe.swap_margin, k)
    sentence_start = begins_sentence(typed.before)
    return [
        Suggestion(word, habits.casing.restore(word, typed.in_case_of(word), sentence_start), probability)
        for word, probability in found
    ]


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

    mixture = history.mixture([unit.text for unit in typed.before[-2:]])
    prefix = typed.prefix.lower()
    found = WordSearch(engine.lexicon, next_pieces, history, mixture, prefix, k, hidden).run()
    return complete_with_typos(found, engine.lexicon, next_pieces, history, mixture, prefix, k, hidden)
