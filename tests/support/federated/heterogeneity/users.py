"""Users with given messages, and random messages."""

import numpy as np

from federated.corpus.schema import Record
from federated.corpus.writer import write_corpus
from federated.heterogeneity.user_texts import UserText, UserTexts
from keyboard_model.text.units import words


def user_texts(**messages: list[str]) -> UserTexts:
    """Returns users by name with their messages."""
    numbers: dict[str, int] = {}
    users = []
    for name, texts in messages.items():
        typed = [found for text in texts if (found := words(text))]
        flat = [numbers.setdefault(word, len(numbers)) for message in typed for word in message]
        lengths = np.array([len(message) for message in typed], np.int64)
        users.append(UserText(name, len(texts), np.array(flat, np.int64), lengths))
    return UserTexts(tuple(users), tuple(numbers))


def speaker(name: str, messages: int, seed: int, vocabulary: int = 50) -> list[str]:
    """Returns messages of five words, drawn uniformly from the words `name0`, `name1`, ..."""
    rng = np.random.default_rng(seed)
    return [" ".join(f"{name}{i}" for i in rng.integers(vocabulary, size=5)) for _ in range(messages)]


def corpus_of(path, **messages):
    """Writes a corpus of these users' messages."""
    records = (Record(name, None, text) for name, texts in messages.items() for text in texts)
    write_corpus(path, records, source="test", description="made for a test")
    return path
