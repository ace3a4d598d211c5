"""Completes a prefix with one typo (`tomorow` still offers `tomorrow`), and drops improbable invented words.

A typo is one edit (Damerau 1964): a letter too many, a missing letter, a wrong letter, or two swapped letters. The
search tries only variants with which a word begins, because the sorted word list shows which letters follow a prefix.
The corrected words are ranked together with those that match the prefix exactly.

The word search can also spell words that neither the shared vocabulary nor the owner has. Some of them are right
(`reserva` becomes `reservation`), most are none (`tomorrowq` becomes `tomorrowquiz`).
"""

from __future__ import annotations

import functools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice

from device_runtime.inference.lexicon import Lexicon, is_one_word
from device_runtime.prediction.user_model import Mixture, UserNgramModel
from device_runtime.prediction.word_search import Hidden, NextPieces
from keyboard_model.text.normalization import APOSTROPHE

MIN_TYPED = 3
"""Shorter prefixes are not corrected, because nearly every word is one edit away from them."""
MIN_TYPED_OF_APOSTROPHE = 2
"""The same for a missing apostrophe: `im` is corrected. Only few words are one apostrophe away."""
PENALTY = 0.003
"""How probable one particular typo is, relative to the correct spelling. It assumes a typo in twenty letters, seven
letters in a word, and a hundred possible typos in each word; the corpora contain no keystrokes to measure it on."""
APOSTROPHE_PENALTY = 0.2
"""The same for a missing apostrophe, which is a habit more than a slip: in the NUS SMS corpus, `don't`, `can't`,
`didn't` and `haven't` lack it 35 times in a hundred. Of 124 such words typed without it by 257 users, the three words
shown had the word meant 27 times with 0.003 and 53 times with 0.2 or 0.3. It costs correctly typed words nothing."""
SPELLED_SHARE = 0.2
"""A word that neither the vocabulary nor the owner has is shown only if it has this share of the probability of
everything that matches the prefix, ..."""
ALPHABET = 30.0
"""... and if it is more probable than random letters, of which each has one chance in 30. Measured on 257 users of the
NUS SMS corpus: of 11,135 such words that were shown and not meant, 494 remain, and the letters saved fall from 32.3 to
32.1 % (shares of 0.1 and 0.3: 840 and 296 words, the same letters). Both halves of the users chose a share, not a bound
on the probability: rare words that are nearly complete are improbable."""
_LAST = "\U0010ffff"
_FOLLOWERS = 64
"""The most letters tried at one position: more than an alphabet has, but fewer than there are Chinese characters."""

Ranked = list[tuple[str, float]]
Matches = Callable[[Sequence[str], str], list[int]]
"""Returns the positions of the words, in alphabetical order, that match a prefix with a typo."""


def within_one_edit(words: Sequence[str], typed: str) -> list[int]:
    """Returns the positions of the words that begin with a string one edit away from `typed`, ascending.

    >>> words = ["hello", "the", "then", "tomato", "tomorrow"]
    >>> [words[at] for at in within_one_edit(words, "tomorow")]
    ['tomorrow']

    Words that begin with `typed` are left out. The result is empty if `typed` is shorter than MIN_TYPED.

    Args:
        words: Words in alphabetical order.
        typed: The typed prefix, in lower case.
    """
    if len(typed) < MIN_TYPED:
        return []
    matches: set[int] = set()
    low, high = 0, len(words)
    for at in range(len(typed)):
        head = typed[:at]
        for rest in _rests(words, low, high, typed, at):
            matches.update(range(bisect_left(words, head + rest, low, high), _end(words, head + rest, low, high)))
        low, high = bisect_left(words, typed[: at + 1], low, high), _end(words, typed[: at + 1], low, high)
        if low >= high:
            break
    return sorted(matches - set(range(bisect_left(words, typed), _end(words, typed, 0, len(words)))))


def with_apostrophe(words: Sequence[str], typed: str) -> list[int]:
    """Returns the positions of the words that begin with `typed` and an apostrophe between two of its letters.

    >>> words = ["i'm", "it's", "item", "its"]
    >>> [words[at] for at in with_apostrophe(words, "its")]
    ["it's"]
    """
    found: list[int] = []
    low, high = 0, len(words)
    for at in range(1, len(typed)):
        low, high = bisect_left(words, typed[:at], low, high), _end(words, typed[:at], low, high)
        if low >= high:
            break
        beginning = f"{typed[:at]}{APOSTROPHE}{typed[at:]}"
        found += range(bisect_left(words, beginning, low, high), _end(words, beginning, low, high))
    return found


def _rests(words: Sequence[str], low: int, high: int, typed: str, at: int) -> Iterator[str]:
    """Yields what `typed[at:]` can stand for with a typo at `at`; `words[low:high]` begin with `typed[:at]`."""
    rest = typed[at:]
    yield rest[1:]
    if len(rest) > 1:
        yield rest[1] + rest[0] + rest[2:]
    for letter in islice(_followers(words, low, high, at), _FOLLOWERS):
        if letter != rest[0]:
            yield letter + rest
            yield letter + rest[1:]


def _followers(words: Sequence[str], low: int, high: int, at: int) -> Iterator[str]:
    """Yields the letters at position `at` of `words[low:high]`, each once."""
    while low < high:
        beginning = words[low][: at + 1]
        if len(beginning) > at:
            yield beginning[at]
            low = _end(words, beginning, low, high)
        else:
            low += 1


def _end(words: Sequence[str], beginning: str, low: int, high: int) -> int:
    return bisect_right(words, beginning + _LAST, low, high)


def is_known(word: str, lexicon: Lexicon, history: UserNgramModel) -> bool:
    """Whether the shared vocabulary has the word as a whole, or the owner typed it."""
    return lexicon.piece_of(word) >= 0 or history.index(word) is not None


def merge_typo_matches(exact: Ranked, corrected: Ranked, k: int, spelled: Collection[str] = ()) -> Ranked:
    """Merges exact matches and corrected words.

    If the best exact match is at least as probable as the best corrected word, corrected words only fill the places
    that exact matches leave empty, and replace less probable words of `spelled`. Otherwise all words compete.

    >>> exact, corrected = [("then", 0.2), ("theta", 0.01)], [("tea", 0.1), ("hen", 0.05)]
    >>> merge_typo_matches(exact, corrected, k=2)
    [('then', 0.2), ('theta', 0.01)]
    >>> merge_typo_matches(exact, corrected, k=3)
    [('then', 0.2), ('tea', 0.1), ('theta', 0.01)]
    >>> merge_typo_matches(exact, corrected, k=2, spelled={"theta"})
    [('then', 0.2), ('tea', 0.1)]

    Args:
        exact: Words that begin with the typed prefix, the most probable first.
        corrected: Words that begin with it after one edit, the most probable first, with the typo's penalty.
        k: How many words at most.
        spelled: The exact matches that neither the shared vocabulary nor the owner has.

    Returns:
        Words with their probabilities, the most probable first; ties in alphabetical order.
    """
    kept, others = exact, corrected
    if exact and corrected and exact[0][1] >= corrected[0][1]:
        shown = exact[:k]
        kept = [item for item in shown if item[0] not in spelled]
        others = _ranked([*corrected, *(item for item in shown if item[0] in spelled)])[: k - len(kept)]
    return _ranked([*kept, *others])[:k]


def complete_with_typos(
    exact: Ranked,
    lexicon: Lexicon,
    next_pieces: NextPieces,
    history: UserNgramModel,
    mixture: Mixture,
    prefix: str,
    k: int,
    hidden: Hidden | None,
) -> Ranked:
    """Returns the words of `exact`, which `WordSearch` found, merged with words that match `prefix` after one edit.

    Words that neither the vocabulary nor the owner has are left out if other matches are more probable; see
    `SPELLED_SHARE`. The candidates for a correction are the single-piece words and the owner's words. They count the
    typo's penalty times their probability; `merge_typo_matches` decides whether they are shown. A corrected word is
    never shown as more probable than the word as it was typed, if that is shown: `its` comes before `it's`.
    """
    if not prefix:
        return exact
    spelled = {word for word, _ in exact if not is_known(word, lexicon, history)}
    corrected = _corrected(exact, spelled, lexicon, next_pieces, history, mixture, prefix, k, hidden)
    if spelled:
        share = SPELLED_SHARE * sum(probability for _, probability in (*exact, *corrected))
        bound = max(share, ALPHABET ** -len(prefix))
        exact = [item for item in exact if item[0] not in spelled or item[1] >= bound]
    if not corrected:
        return exact[:k]
    merged = dict(merge_typo_matches(exact, corrected, k, spelled))
    if prefix in merged:
        below = math.nextafter(merged[prefix], 0.0)
        merged |= {word: min(probability, below) for word, probability in corrected if word in merged}
    return _ranked(merged.items())


def _corrected(
    exact: Ranked,
    spelled: Collection[str],
    lexicon: Lexicon,
    next_pieces: NextPieces,
    history: UserNgramModel,
    mixture: Mixture,
    prefix: str,
    k: int,
    hidden: Hidden | None,
) -> Ranked:
    """Returns the k most probable words that match `prefix` after one edit, with the typo's penalty."""
    if len(prefix) < MIN_TYPED_OF_APOSTROPHE:
        return []
    log_probs = next_pieces(())
    most = mixture.scale * math.exp(float(log_probs.max())) + float(mixture.extra.max(initial=0.0))
    long = len(prefix) >= MIN_TYPED and (spelled or len(exact) < k or exact[0][1] < PENALTY * most)
    found: dict[str, float] = {}
    for matches, penalty in ((within_one_edit, PENALTY), (with_apostrophe, APOSTROPHE_PENALTY)):
        if matches is within_one_edit and not long:
            continue
        for word, piece in _vocabulary_matches(matches, lexicon, prefix):
            index = history.index(word)
            extra = 0.0 if index is None else float(mixture.extra[index])
            found[word] = penalty * (mixture.scale * math.exp(float(log_probs[piece])) + extra)
        for at in matches(history.sorted_words, prefix):
            index = history.index(history.sorted_words[at])
            if index is not None and int(history.pieces[index]) < 0:  # with the history's share of its probability
                found[history.sorted_words[at]] = penalty * float(mixture.extra[index])
    known = {word for word, _ in exact}
    able = (
        (word, score)
        for word, score in _ranked(found.items())
        if score > 0.0 and word not in known and is_one_word(word) and not (hidden is not None and hidden(word))
    )
    return list(islice(able, k))


@functools.lru_cache(maxsize=16)
def _vocabulary_matches(matches: Matches, lexicon: Lexicon, prefix: str) -> list[tuple[str, int]]:
    """Returns the words that are single pieces, with their ids. Cached for the two searches of one prediction."""
    words = lexicon.words
    found = ((words.texts[at], int(words.ids[at])) for at in matches(words.texts, prefix))
    return [(word, piece) for word, piece in found if lexicon.piece_of(word) == piece]


def _ranked(words: Iterable[tuple[str, float]]) -> Ranked:
    return sorted(words, key=lambda item: (-item[1], item[0]))
