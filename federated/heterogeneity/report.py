"""The result of a heterogeneity measurement; docs/heterogeneity.md describes its JSON form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from federated.heterogeneity.divergence import Divergence
from federated.heterogeneity.evidence import Evidence
from federated.heterogeneity.user_clusters import Clusters
from federated.heterogeneity.user_divergence import Pair
from federated.heterogeneity.user_summary import SizeSkew, UserSummary, summarize_users

if TYPE_CHECKING:  # these import TensorFlow, which is needed only with a run
    from federated.heterogeneity.at_shared_model import UserGradient
    from federated.heterogeneity.gradient_dissimilarity import Gradients

FORMAT, FORMAT_VERSION = "thumbprint-heterogeneity", 1


@dataclass(frozen=True)
class Comparison:
    """Divergences over users or pairs: observed and floor in bits, and the difference (see `divergence`)."""

    observed: UserSummary
    floor: UserSummary
    difference: UserSummary


def comparison(divergences: Iterable[Divergence]) -> Comparison | None:
    """Returns the distributions of these divergences; None without any."""
    found = list(divergences)
    observed, floor = summarize_users(d.observed for d in found), summarize_users(d.floor for d in found)
    difference = summarize_users(d.difference for d in found)
    return Comparison(observed, floor, difference) if observed and floor and difference else None


@dataclass(frozen=True)
class UserRow:
    """The figures of one user. A figure that needs more text than the user typed is None.

    Attributes:
        plain_to_others: Divergence of all their words from all other users' words, in bits; ignores length.
        to_others, drift: Divergences at equal length, with their floors.
        outside_shared: Share of typed words that fewer than 2 other users typed.
        outside_tokenizer: Share of typed words that are not a single piece of the run's tokenizer.
        cluster: Number of the user's cluster.
        gradient: The user's gradient at the run's shared model.
    """

    user_id: str
    messages: int
    words: int
    plain_to_others: float | None
    to_others: Divergence | None
    drift: Divergence | None
    outside_shared: float | None
    outside_tokenizer: float | None
    cluster: int | None
    gradient: UserGradient | None


@dataclass(frozen=True)
class Heterogeneity:
    """How users differ, measured on the training part of their messages.

    Attributes:
        users_in_corpus: Number of users in the corpus; `users` are those measured.
        run: The folder of the run whose model and tokenizer were used.
        train_share: Share of each user's messages that was read, from the first on.
        length: Words in each half that was compared; None if the users typed too little to compare.
        compared: Number of users with two halves.
        within_clusters: Mean difference of pairs inside a cluster; None if there is only one cluster.
        pairs: Pairs of users drawn at random.
    """

    corpus_id: str
    corpus: str
    synthetic: bool
    users_in_corpus: int
    run: str | None
    train_share: float
    seed: int
    messages: SizeSkew
    words: SizeSkew
    length: int | None
    compared: int
    plain_to_others: UserSummary | None
    to_others: Comparison | None
    between_users: Comparison | None
    drift: Comparison | None
    outside_shared: UserSummary | None
    outside_tokenizer: UserSummary | None
    signal: Evidence | None
    clusters: Clusters
    within_clusters: float | None
    gradients: Gradients | None
    users: tuple[UserRow, ...]
    pairs: tuple[Pair, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns the content of `heterogeneity.json`."""
        return {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}
