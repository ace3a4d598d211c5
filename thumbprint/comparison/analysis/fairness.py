"""Fairness between groups of users: how far apart the groups lie, by each attribute of the users' profiles.

Equal opportunity (Hardt et al. 2016) asks for equal true-positive rates in every group. Here a positive is a typed
word that was shown, so the gap is one of recall_at_3. Demographic parity (Dwork et al. 2012) asks for equally frequent
outcomes. Here the outcome is being helped by personalization.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from keyboard_model.metrics import HELPED
from thumbprint.comparison.analysis.statistics import Floats, Pair, bootstrap_interval, permutation_p_value
from thumbprint.comparison.results import Frozen

MIN_GROUP = 5
"""Smaller groups are not reported: their figures would be noise, and could identify single users."""


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
        users_unknown: Users whose profile lacks the attribute.
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
    """Returns the attributes that occur in the profiles, in alphabetical order."""
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
    """Users write `india` and `India`."""
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
    """One gap per column. Users are resampled within their group, and shuffled between the groups."""
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
