"""Fairness between groups of users: the gaps between the groups of each attribute in the users' profiles.

Equal opportunity (Hardt et al. 2016) requires equal true-positive rates in all groups. Here, a true positive is a typed
word that was shown, so the gap is a difference in recall_at_3. Demographic parity (Dwork et al. 2012) requires equally
frequent outcomes. Here, the outcome is that personalization helps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from keyboard_model.metrics import HELPED, Estimate
from keyboard_model.user_statistics import Floats, bootstrap_interval, mean
from thumbprint.comparison.analysis.statistics import Pair, permutation_p_value
from thumbprint.comparison.results import Frozen

MIN_GROUP = 5
"""Smaller groups are not reported: their figures would be noisy and could identify single users."""


class GroupFigures(Frozen):
    """Means over one group of users. `helped` and `hurt` are raw shares of these users, chance included."""

    value: str
    users: int
    recall_at_3: float
    gain: Estimate
    helped: float
    hurt: float


class Gap(Frozen):
    """The largest minus the smallest group mean, with its bootstrap interval.

    `p_value` is the share of random shuffles of the users in which the groups are at least as far apart. A largest
    difference is never below 0 and grows with the number of groups. Therefore judge by p, not by whether the interval
    contains 0.
    """

    value: float
    low: float
    high: float
    p_value: float
    highest: str
    lowest: str


class AttributeFairness(Frozen):
    """The groups of one attribute and the gaps between them.

    Attributes:
        users_in_small_groups: Users in groups smaller than `MIN_GROUP`, which are not reported.
        users_unknown: Users whose profile lacks the attribute.
        equal_opportunity: The gap in mean recall_at_3.
        helped_parity: The gap in the share of users helped (demographic parity).
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
    """Returns all attributes in the profiles, in alphabetical order."""
    return sorted({name for profile in profiles.values() for name in profile})


def attribute_fairness(
    pairs: Sequence[Pair], profiles: Mapping[str, Mapping[str, str | None]], attribute: str, seed: int
) -> AttributeFairness | None:
    """Returns one method's gaps by one attribute; None if fewer than two groups are large enough to compare."""
    values = {pair.personal.user_id: profiles.get(pair.personal.user_id, {}).get(attribute) for pair in pairs}
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if value := _key(values[pair.personal.user_id]):
            groups[value].append(pair)
    large = {key: members for key, members in sorted(groups.items()) if len(members) >= MIN_GROUP}
    if len(large) < 2:
        return None
    names = _spellings(values.values())
    figures = tuple(_figures(names[key], members, seed) for key, members in large.items())
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
    """Normalizes a value: users write both `india` and `India`."""
    return (value or "").strip().casefold()


def _spellings(values: Iterable[str | None]) -> dict[str, str]:
    counts = Counter(sorted(value.strip() for value in values if value))
    return {_key(value): value for value, _ in reversed(counts.most_common())}


def _figures(value: str, members: Sequence[Pair], seed: int) -> GroupFigures:
    recall, _, helped = _table(members).mean(axis=0)
    gain = mean([pair.gain for pair in members], seed)
    hurt = sum(pair.gain < 0 for pair in members) / len(members)
    return GroupFigures(
        value=value, users=len(members), recall_at_3=float(recall), gain=gain, helped=float(helped), hurt=hurt
    )


def _table(members: Sequence[Pair]) -> Floats:
    """Returns `[users, 3]`: recall_at_3, gain, and whether the user is helped (0 or 1)."""
    return np.array([[pair.recall, pair.gain, pair.gain >= HELPED] for pair in members], np.float64)


def _gaps(tables: Sequence[Floats], names: Sequence[str], seed: int) -> list[Gap]:
    """Returns one gap per column. The interval resamples users within groups; the test shuffles them between groups."""
    means = np.stack([table.mean(axis=0) for table in tables])
    columns = [table.T for table in tables]
    lows, highs = bootstrap_interval(columns, _largest_gap, seed)
    p_values = permutation_p_value(columns, _largest_gap, seed)
    return [
        Gap(
            value=float(np.ptp(means[:, column])),
            low=float(lows[column]),
            high=float(highs[column]),
            p_value=float(p_values[column]),
            highest=names[int(means[:, column].argmax())],
            lowest=names[int(means[:, column].argmin())],
        )
        for column in range(means.shape[1])
    ]


def _largest_gap(*groups: Floats, axis: int) -> Floats:
    gap: Floats = np.ptp(np.stack([group.mean(axis) for group in groups]), axis=0)
    return gap
