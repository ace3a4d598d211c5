"""The word counts of `federated.training.word_counts`, computed without federation."""

from collections import Counter
from collections.abc import Iterable

from keyboard_model.text.units import words


def plain_word_counts(clients: Iterable[Iterable[str]], *, min_clients: int, count_cap: int = 100) -> dict[str, int]:
    """Counts the words of at least `min_clients` clients, given the messages of each client."""
    counts: Counter[str] = Counter()
    typed_by: Counter[str] = Counter()
    for messages in clients:
        own = Counter(word for message in messages for word in words(message))
        counts.update({word: min(count, count_cap) for word, count in own.items()})
        typed_by.update(own.keys())
    return {word: count for word, count in counts.items() if typed_by[word] >= min_clients}
