"""The words a shared vocabulary is made of: those that several clients type, none by one client's weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from keyboard_model.text import words


def shared_word_counts(clients: Iterable[Iterable[str]], *, min_clients: int, count_cap: int) -> dict[str, int]:
    """Counts words over clients, one client at a time.

    A vocabulary ships to every phone: a word that only one person types would publish that person.

    Args:
        clients: each client's training messages.
        min_clients: a word is kept when at least so many clients typed it.
        count_cap: a client's count of a word is taken to be at most this.
    """
    counts: Counter[str] = Counter()
    clients_of: Counter[str] = Counter()
    for messages in clients:
        own = Counter(word for message in messages for word in words(message))
        counts.update({word: min(count, count_cap) for word, count in own.items()})
        clients_of.update(own.keys())
    return {word: count for word, count in counts.items() if clients_of[word] >= min_clients}
