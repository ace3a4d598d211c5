"""Clusters of users by their word frequencies.

Users are clustered by one half of their text and the clusters are evaluated on the other half, so that chance does not
make clusters. A text is represented by the square roots of its word frequencies (Euclidean distance is then Hellinger
distance), projected on the few directions in which users differ most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federated.heterogeneity.divergence import Halves

MOST_CLUSTERS = 8
CLEAR = 0.5
"""Least silhouette of accepted clusters: "a reasonable structure" (Kaufman and Rousseeuw 1990)."""
SMALLEST = 0.1
"""Least share of users in a cluster: a single outlier is not a cluster."""
_DIRECTIONS = 8
_MOST_WORDS = 2000

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """The clusters of the users.

    Attributes:
        count: Number of clusters; 1 if no number of clusters is clear.
        silhouettes: For each number of clusters tried, its silhouette on the half that was not used for clustering:
            mean over users of (b − a) / max(a, b), with a the mean distance within the cluster and b to the nearest
            other cluster (Rousseeuw 1987); -1 to 1, 0 by chance.
        members: The cluster of each compared user, in order; all 0 if there is only one.
    """

    count: int
    silhouettes: dict[int, float]
    members: tuple[int, ...]


def clusters(halves: Sequence[Halves], seed: int) -> Clusters:
    """Returns the clusters of these users; `count` has the best silhouette among the accepted numbers."""
    counts = range(2, min(MOST_CLUSTERS, len(halves) // 3) + 1)
    if not counts:
        return Clusters(1, {}, (0,) * len(halves))
    first, second = _placed(halves, seed)
    tried = {k: _grouped(first, second, k, seed) for k in counts}
    silhouettes = {k: silhouette for k, (silhouette, _) in tried.items()}
    sizable = [
        k for k, (_, members) in tried.items() if np.bincount(members, minlength=k).min() >= SMALLEST * len(halves)
    ]
    clear = [k for k in sizable if silhouettes[k] >= CLEAR]
    if not clear:
        return Clusters(1, silhouettes, (0,) * len(halves))
    best = max(clear, key=lambda k: silhouettes[k])
    return Clusters(best, silhouettes, tuple(tried[best][1].tolist()))


def _grouped(first: Matrix, second: Matrix, k: int, seed: int) -> tuple[float, npt.NDArray[np.int64]]:
    """Clusters the first halves into k; returns the silhouette on the second halves, and each user's cluster."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    if len(np.unique(first, axis=0)) < k:
        return 0.0, np.zeros(len(first), np.int64)
    with threadpool_limits(1):  # in a matrix this small, threads only wait for each other
        members = KMeans(k, n_init=10, random_state=seed).fit(first).labels_.astype(np.int64)
    return float(silhouette_score(second, members)), members


def _placed(halves: Sequence[Halves], seed: int) -> tuple[Matrix, Matrix]:
    """Returns the projections of each user's first and second half, `[users, directions]` each."""
    from sklearn.decomposition import PCA

    texts = [half.texts[0] for half in halves]
    known, typed = np.unique(np.concatenate([text[0] for text in texts]), return_counts=True)
    known = np.sort(known[np.argsort(-typed, kind="stable")[:_MOST_WORDS]])
    first, second = (np.stack([_root_shares(text[i], known) for text in texts]) for i in (0, 1))
    if (first == first[0]).all():
        return first, second  # all users are equal: PCA has no direction
    directions = PCA(min(_DIRECTIONS, *first.shape), random_state=seed).fit(first)
    return directions.transform(first), directions.transform(second)


def _root_shares(text: npt.NDArray[np.int64], known: npt.NDArray[np.int64]) -> Matrix:
    at = np.searchsorted(known, text).clip(max=len(known) - 1)
    counts = np.bincount(at[known[at] == text], minlength=len(known))
    return np.sqrt(counts / len(text))
