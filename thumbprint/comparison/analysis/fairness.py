"""Whether people are served alike: how far apart groups of users lie, by each attribute of their profiles.

Equal opportunity (Hardt et al. 2016) asks that whoever deserves a positive gets it equally often in every
group: here, whoever types a word is shown it, so the gap is one of recall_at_3. Demographic parity (Dwork et
al. 2012) asks that the outcome itself be equally frequent: here, being helped by personalization.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from keyboard_model.metrics import HELPED
from thumbprint.comparison.analysis.statistics import Floats, Pair, percentile_interval, resampled_means
from thumbprint.comparison.results import Frozen

MIN_GROUP = 5
"""Groups of fewer users are not reported: their figures would be noise, and would point at single people."""
_SHUFFLES = 1000


class GroupFigures(Frozen):
    """One group of users: means over them; `helped` and `hurt` are shares of them."""

    value: str
    users: int
    recall_at_3: float
    gain: float
    helped: float
    hurt: float


class Gap(Frozen):
    """Largest minus smallest group mean, its bootstrap interval, and p: how often shuffled groups lie as far apart.

    A largest difference is never below 0 and grows with the number of groups: read p, not whether the interval holds 0.
    """

    value: float
    low: float
    high: float
    p_value: float
    highest: str
    lowest: str


class AttributeFairness(Frozen):
    """The groups of one attribute, and the gaps between them.

    Attributes:
        users_in_small_groups: In groups under `MIN_GROUP`, which are not reported.
        users_unknown: Whose attribute nobody knows.
        equal_opportunity: The gap in mean recall_at_3.
        helped_parity: The gap in the share of users helped, demographic-parity style.
        gain_parity: The gap in mean gain.
    """

    attribute: str
    groups: tuple[GroupFigures, ...]
    users_in_small_groups: int
    users_unknown: int
    equal_opportunity: Gap
    helped_parity: Gap
    gain_parity: Gap


def attributes(profiles: Mapping[str, Mapping[str, str | None]]) -> list[str]:
    """Returns the attributes that anybody's profile has, in alphabetical order."""
    return sorted({name for profile in profiles.values() for name in profile})


def attribute_fairness(
    pairs: Sequence[Pair], profiles: Mapping[str, Mapping[str, str | None]], attribute: str, seed: int
) -> AttributeFairness | None:
    """Returns one method's gaps by one attribute; None unless two groups are large enough to be compared."""
    values = {pair.personal.user_id: profiles.get(pair.personal.user_id, {}).get(attribute) for pair in pairs}
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if value := _key(values[pair.personal.user_id]):
            groups[value].append(pair)
    large = {key: members for key, members in sorted(groups.items()) if len(members) >= MIN_GROUP}
    if len(large) < 2:
        return None
    names = _spellings(values.values())
    figures = tuple(_figures(names[key], members) for key, members in large.items())
    tables = [_table(members) for members in large.values()]
    recall, gain, helped = _gaps(tables, [group.value for group in figures], seed)
    known = sum(map(len, groups.values()))
    return AttributeFairness(
        attribute=attribute,
        groups=figures,
        users_in_small_groups=known - sum(map(len, large.values())),
        users_unknown=len(pairs) - known,
        equal_opportunity=recall,
        helped_parity=helped,
        gain_parity=gain,
    )


def _key(value: str | None) -> str:
    """People write `india` and `India`."""
    return (value or "").strip().casefold()


def _spellings(values: Iterable[str | None]) -> dict[str, str]:
    counts = Counter(sorted(value.strip() for value in values if value))
    return {_key(value): value for value, _ in reversed(counts.most_common())}


def _figures(value: str, members: Sequence[Pair]) -> GroupFigures:
    recall, gain, helped = _table(members).mean(axis=0)
    hurt = sum(pair.gain < 0 for pair in members) / len(members)
    return GroupFigures(
        value=value, users=len(members), recall_at_3=float(recall), gain=float(gain), helped=float(helped), hurt=hurt
    )


def _table(members: Sequence[Pair]) -> Floats:
    """`[users, 3]`: recall_at_3, gain, whether helped."""
    return np.array([[pair.recall, pair.gain, pair.gain >= HELPED] for pair in members], np.float64)


def _gaps(tables: Sequence[Floats], names: Sequence[str], seed: int) -> list[Gap]:
    """One gap a column; users are drawn again within their group, and shuffled between groups."""
    means = np.stack([table.mean(axis=0) for table in tables])
    drawn = np.stack([resampled_means(table, seed + i) for i, table in enumerate(tables)])
    p_values = _p_values(tables, np.ptp(means, axis=0), seed)
    return [
        Gap(
            value=float(np.ptp(means[:, column])),
            low=low,
            high=high,
            p_value=p_values[column],
            highest=names[int(means[:, column].argmax())],
            lowest=names[int(means[:, column].argmin())],
        )
        for column in range(means.shape[1])
        for low, high in (percentile_interval(np.ptp(drawn[:, :, column], axis=0)),)
    ]


def _p_values(tables: Sequence[Floats], gaps: Floats, seed: int) -> list[float]:
    """The permutation test: (1 + shuffles with as large a gap) / (1 + shuffles), for each column."""
    rng, everybody = np.random.default_rng(seed), np.concatenate(tables)
    sizes = np.array([len(table) for table in tables])
    starts = np.cumsum(sizes) - sizes
    as_large = np.zeros(len(gaps))
    for _ in range(_SHUFFLES):
        means = np.add.reduceat(everybody[rng.permutation(len(everybody))], starts) / sizes[:, None]
        as_large += np.ptp(means, axis=0) >= gaps - 1e-12
    return [float(p) for p in (1 + as_large) / (1 + _SHUFFLES)]
