"""A synthetic user who types: the messages and contexts of the phone's benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from federated.corpus.synthetic.generate import synthetic_corpus
from keyboard_model.text.units import Kind, normalize, units, words

_USERS, _MESSAGES = 10_000, 200  # generated only as far as they are read


@dataclass(frozen=True)
class Typist:
    """`history`: messages, oldest first. `contexts`: the text before each new word, in typing order."""

    history: tuple[str, ...]
    contexts: tuple[str, ...]


def make_typist(history_words: int, contexts: int) -> Typist:
    """Returns the same typist for the same numbers: the first user's messages, then the next user's.

    Args:
        history_words: Words of the history. The last message can exceed the number.
        contexts: Number of contexts, from later messages.
    """
    messages = (record.text for record in synthetic_corpus(_USERS, (_MESSAGES, _MESSAGES)))
    history: list[str] = []
    while history_words > 0:
        history.append(next(messages))
        history_words -= len(words(history[-1]))
    return Typist(tuple(history), tuple(islice(_contexts(messages), contexts)))


def _contexts(messages: Iterator[str]) -> Iterator[str]:
    """Yields the text before each word but the first of a message, each text once, because the phone caches it."""
    seen: set[str] = set()
    for message in map(normalize, messages):
        for unit in units(message):
            context = message[: unit.start]
            if unit.kind is Kind.WORD and words(context) and context not in seen:
                seen.add(context)
                yield context
