"""Someone who types: the messages and contexts that the phone's benchmarks run on, all of them synthetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from federated.corpus.synthetic.generate import synthetic_corpus
from keyboard_model.text.units import Kind, normalize, units, words

_PEOPLE, _MESSAGES = 10_000, 200  # drawn only as far as they are read


@dataclass(frozen=True)
class Typist:
    """`history`: messages, oldest first. `contexts`: what stands before a new word, in typing order."""

    history: tuple[str, ...]
    contexts: tuple[str, ...]


def make_typist(history_words: int, contexts: int) -> Typist:
    """Returns the same typist for the same numbers: the first person, and when they fall silent the next.

    Args:
        history_words: The history's messages hold so many words; the last may go beyond.
        contexts: So many contexts follow, of later messages.
    """
    messages = (record.text for record in synthetic_corpus(_PEOPLE, (_MESSAGES, _MESSAGES)))
    history: list[str] = []
    while history_words > 0:
        history.append(next(messages))
        history_words -= len(words(history[-1]))
    return Typist(tuple(history), tuple(islice(_contexts(messages), contexts)))


def _contexts(messages: Iterator[str]) -> Iterator[str]:
    """Each message before each of its words but the first; none twice, for the phone would remember it."""
    seen: set[str] = set()
    for message in map(normalize, messages):
        for unit in units(message):
            context = message[: unit.start]
            if unit.kind is Kind.WORD and words(context) and context not in seen:
                seen.add(context)
                yield context
