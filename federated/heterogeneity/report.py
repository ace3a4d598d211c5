"""All that is measured of how users differ, as one value; its JSON is described in docs/heterogeneity.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from federated.heterogeneity.divergence import Divergence
from federated.heterogeneity.evidence import Evidence
from federated.heterogeneity.user_clusters import Clusters
from federated.heterogeneity.user_divergence import Pair
from federated.heterogeneity.user_summary import SizeSkew, UserSummary, summarize_users

if TYPE_CHECKING:  # TensorFlow, which only a run needs
    from federated.heterogeneity.at_shared_model import UserGradient
    from federated.heterogeneity.gradient_dissimilarity import Gradients

FORMAT, FORMAT_VERSION = "thumbprint-heterogeneity", 1


@dataclass(frozen=True)
class Comparison:
    """Divergences over users or pairs: in bits, and the share of what chance leaves room for (see `divergence`)."""

    observed: UserSummary
    floor: UserSummary
    difference: UserSummary


def comparison(divergences: Iterable[Divergence]) -> Comparison | None:
    """Returns the comparison; None of none."""
    found = list(divergences)
    observed, floor = summarize_users(d.observed for d in found), summarize_users(d.floor for d in found)
    difference = summarize_users(d.difference for d in found)
    return Comparison(observed, floor, difference) if observed and floor and difference else None


@dataclass(frozen=True)
class UserRow:
    """One user. What needs more text than they typed is None.

    Attributes:
        plain_to_others: Divergence of all their words to all of the others', in bits, with no regard to length.
        to_others, drift: At equal length, against the floor.
        outside_shared: Share of words typed that fewer than 2 others typed.
        outside_tokenizer: Share of words typed that the run's tokenizer has no single piece for.
        cluster: Number of their group.
        gradient: At the run's shared model.
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
    """How users differ, on the learning part of their messages.

    Attributes:
        users_in_corpus: Of whom `users` were measured.
        run: The folder of the run whose model and tokenizer were used.
        train_share: The first so many of each user's messages were read.
        length: Words of a half, at which texts were compared; None where users typed too little to compare.
        compared: Users with two halves.
        within_clusters: Mean difference of pairs inside a cluster; None where there is no more than one.
        pairs: Drawn at random.
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
