"""Jensen-Shannon divergence of users' texts, corrected for chance.

Two short texts of the same person differ by chance. Therefore the divergence of two texts is compared with a noise
floor: the divergence of two texts of one user at the same length.

    difference = (observed − floor) / (1 − floor)

It is 0 if both texts come from one source and 1 if they share no word, at any length (a chance correction, as in
Hubert and Arabie 1985). If the floor is the mean of both sources' floors, observed − floor is half an energy distance
(Székely and Rizzo 2013), which is never negative in expectation: JSD is the square of a metric of Hilbert space
(Fuglede and Topsøe 2004).

Every comparison between users uses texts of one common length, two disjoint halves for each user. The length is
common because the divergence of two texts falls with their length: without it, it would measure how much users type.

Three things are compared: pairs of users drawn at random, one user with all others (leave-one-out, at equal length),
and a user's last words with their first (temporal drift; the floor is a random split of the user's messages).

`Evidence` separates signal from noise in these differences: how many words of a user are enough to trust them.
"""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from federated.heterogeneity.user_texts import Numbers, UserText, UserTexts

LENGTHS = (400, 200, 100, 50, 25)
"""Words in each half. The longest length at which enough users can be measured is used."""
ENOUGH_USERS = 20
"""Users that must be measurable: this many, or half of all if that is fewer."""
SPLITS = 8
"""Number of random splits of each user's messages; divergences are means over the splits."""
MOST_PAIRS = 1000
_OTHERS = 1  # added to the seed, so that these draws differ from those of the user's own halves


@dataclass(frozen=True)
class Divergence:
    """In bits, 0 to 1. observed: between the two sources. floor: within one source, at the same length."""

    observed: float
    floor: float

    @property
    def excess(self) -> float:
        """Observed minus floor, in bits; slightly negative if chance explains all of it."""
        return self.observed - self.floor

    @property
    def difference(self) -> float:
        """The excess as a share of its largest possible value, 1 − floor; 0 if the floor is 1."""
        return self.excess / (1 - self.floor) if self.floor < 1 else 0.0


def jensen_shannon(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Returns the Jensen-Shannon divergence of two distributions, in bits (Lin 1991).

    JSD = ½·KL(p ‖ m) + ½·KL(q ‖ m) with m = (p + q)/2, KL to base 2.

    Args:
        first, second: `[words]` counts or shares of the same words; neither all zero.
    """
    counts = (np.asarray(first, np.float64), np.asarray(second, np.float64))
    p, q = (part / part.sum() for part in counts)
    m = (p + q) / 2
    nats = (rel_entr(p, m).sum() + rel_entr(q, m).sum()) / 2
    return float(np.clip(nats / np.log(2), 0.0, 1.0))


def between_texts(first: Numbers, second: Numbers) -> float:
    """Returns the divergence, in bits, of two texts given as word numbers, `[words]` each."""
    _, which = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = int(which.max()) + 1
    return jensen_shannon(
        np.bincount(which[: len(first)], minlength=size), np.bincount(which[len(first) :], minlength=size)
    )


@dataclass(frozen=True)
class Halves:
    """One user's text in halves. texts: `[SPLITS, 2, length]` words. floor: mean divergence of halves (bits)."""

    user: UserText
    texts: Numbers
    floor: float


def common_length(sizes: npt.ArrayLike) -> int | None:
    """Returns the common length of a half, given each user's words; None if too few users reach the shortest length."""
    words = np.asarray(sizes)
    enough = max(2, min(ENOUGH_USERS, len(words) // 2))
    return next((length for length in LENGTHS if (words >= 2 * length).sum() >= enough), None)


def split_in_halves(user_texts: UserTexts, length: int, seed: int) -> tuple[Halves, ...]:
    """Returns the halves of every user with at least `2 * length` words, in order."""
    return tuple(_halves(user, length, seed) for user in user_texts.users if len(user.words) >= 2 * length)


def user_rng(seed: int, user_id: str) -> np.random.Generator:
    """Returns the random generator of one user; it does not depend on which other users are measured."""
    return np.random.default_rng([seed, zlib.crc32(user_id.encode())])


def _halves(user: UserText, length: int, seed: int) -> Halves:
    rng = user_rng(seed, user.user_id)
    orders = [user.shuffled(rng) for _ in range(SPLITS)]
    texts = np.stack([np.stack([order[:length], order[-length:]]) for order in orders])
    return Halves(user, texts, float(np.mean([between_texts(*split) for split in texts])))


@dataclass(frozen=True)
class Pair:
    """Two users and the divergence between them."""

    first: str
    second: str
    divergence: Divergence


def between_users(halves: tuple[Halves, ...], seed: int) -> tuple[Pair, ...]:
    """Returns at most `MOST_PAIRS` pairs with their divergence; the floor is the mean of both users' floors."""
    return tuple(_pair(halves[i], halves[j]) for i, j in _pairs(len(halves), seed))


def _pairs(users: int, seed: int) -> list[tuple[int, int]]:
    count = users * (users - 1) // 2
    if count <= MOST_PAIRS:
        return list(itertools.combinations(range(users), 2))
    rows, columns = np.triu_indices(users, 1)
    chosen = np.sort(np.random.default_rng(seed).choice(count, MOST_PAIRS, replace=False))
    return [(int(rows[i]), int(columns[i])) for i in chosen]


def _pair(first: Halves, second: Halves) -> Pair:
    observed = [between_texts(own[0], other[0]) for own, other in zip(first.texts, second.texts, strict=True)]
    divergence = Divergence(float(np.mean(observed)), (first.floor + second.floor) / 2)
    return Pair(first.user.user_id, second.user.user_id, divergence)


def temporal_drift(half: Halves) -> Divergence:
    """Returns the divergence of a user's first words from their last; each part has the length of a half.

    The floor comes from random halves of the same messages, so a user whose habits are stable stays at the floor.
    Messages of one conversation are close in time, so a value slightly above the floor does not yet show a change.
    """
    length = half.texts.shape[-1]
    return Divergence(between_texts(half.user.words[:length], half.user.words[-length:]), half.floor)


def plain_to_others(user_texts: UserTexts) -> list[float | None]:
    """Returns the divergence, in bits, of each user's words from all other users' words; None for a user without words.

    This is the measure common in the literature. It ignores length, so it is larger for users who typed less.
    """
    total = sum((user_texts.counts(user) for user in user_texts.users), np.zeros(len(user_texts.vocabulary), np.int64))
    counts = (user_texts.counts(user) for user in user_texts.users)  # one at a time: a row is as long as the vocabulary
    return [jensen_shannon(own, total - own) if own.any() else None for own in counts]


class LeaveOneOut:
    """Draws text of all users except one."""

    def __init__(self, user_texts: UserTexts) -> None:
        self._words = np.concatenate([user.words for user in user_texts.users])
        self._lengths = np.concatenate([user.lengths for user in user_texts.users])
        self._starts = np.cumsum(self._lengths) - self._lengths
        ends = np.cumsum([len(user.lengths) for user in user_texts.users])
        self._own = {
            user.user_id: (int(end) - len(user.lengths), int(end))
            for user, end in zip(user_texts.users, ends, strict=True)
        }

    def draw(self, user: UserText, words: int, rng: np.random.Generator) -> Numbers:
        """Returns `words` words (fewer if there are no more) from random messages of everyone except `user`."""
        first, end = self._own[user.user_id]
        others = len(self._lengths) - (end - first)
        chosen = rng.choice(others, min(others, words), replace=False)
        chosen = np.where(chosen < first, chosen, chosen + (end - first))
        texts = [self._words[self._starts[i] : self._starts[i] + self._lengths[i]] for i in chosen]
        return np.concatenate(texts)[:words]


def leave_one_out(user_texts: UserTexts, halves: tuple[Halves, ...], seed: int) -> tuple[Divergence, ...]:
    """Returns the divergence of each user in `halves` from the other users, in order.

    The floor is the mean of two divergences: between the user's two halves, and between two texts of the others (who
    vary more among themselves).
    """
    others = LeaveOneOut(user_texts)
    return tuple(_to_others(others, half, seed) for half in halves)


def _to_others(others: LeaveOneOut, half: Halves, seed: int) -> Divergence:
    rng = user_rng(seed + _OTHERS, half.user.user_id)
    observed, among_others = [], []
    for own, _ in half.texts:
        drawn = others.draw(half.user, 2 * len(own), rng)
        first, second = np.array_split(drawn, 2)
        observed.append(between_texts(own[: len(first)], first))
        among_others.append(between_texts(first, second))
    return Divergence(float(np.mean(observed)), (half.floor + float(np.mean(among_others))) / 2)


@dataclass(frozen=True)
class Evidence:
    """How many words of a user are enough evidence, from the vectors A_k and B_k of the two halves of each user k.

    A model learns from a user the mean of a vector over their words (or pieces): word frequencies, or the gradient of
    the loss. The users' true means have variance τ² around the population mean, and a mean of n words has variance σ²/n
    around the user's true mean. The estimate with the least squared error gives the user's own mean the weight
    n / (n + σ²/τ²) and the population mean the rest (James-Stein estimators; Efron and Morris 1973; Bühlmann's
    credibility in insurance). So σ²/τ² is the number of words at which both have equal weight. Both variances are
    estimated from disjoint halves, whose noise is independent.

    Attributes:
        within: Mean of ⟨A_k, B_k⟩ over users.
        across: Mean of ⟨A_k, B_l⟩ over pairs of different users.
        noise: σ², the variance of one word (or piece) within a user.
        evidence: σ²/τ² with τ² = within − across, in words (or pieces); None if the users show no difference.
    """

    within: float
    across: float
    noise: float
    evidence: float | None

    def trusted(self, size: float) -> float:
        """Returns the weight, 0 to 1, of a user's own mean over `size` words (or pieces)."""
        return 0.0 if self.evidence is None else size / (size + self.evidence) if size else 0.0


def signal(within: float, across: float, noise: float) -> Evidence:
    """Returns the evidence that follows from these moments."""
    variance = within - across
    return Evidence(within, across, noise, noise / variance if variance > 0 else None)


def word_evidence(halves: tuple[Halves, ...], vocabulary: int) -> Evidence:
    """Returns the evidence in users' word frequencies, as the mean over the splits; needs at least two users.

    The gradient of a bias on the words is the shared model's frequencies minus the user's: it is what a bias learns.
    """
    splits, _, length = halves[0].texts.shape
    moments = [_moments([half.texts[i] for half in halves], vocabulary) for i in range(splits)]
    within, across, apart = (float(part) for part in np.mean(moments, axis=0))
    return signal(within, across, apart * length / 2)


def _moments(texts: list[Numbers], vocabulary: int) -> tuple[float, float, float]:
    """Returns the means of ⟨A_k, B_k⟩ over users, ⟨A_k, B_l⟩ over pairs and ‖A_k − B_k‖² over users.

    Args:
        texts: `[2, length]` word numbers of each user.
    """
    users = len(texts)
    sums = np.zeros((2, vocabulary))
    product = apart = 0.0
    for text in texts:
        shares = np.stack([np.bincount(half, minlength=vocabulary) / len(half) for half in text])
        sums += shares
        product += float(shares[0] @ shares[1])
        apart += float(np.sum((shares[0] - shares[1]) ** 2))
    across = (float(sums[0] @ sums[1]) - product) / (users * (users - 1))
    return product / users, across, apart / users
