"""A method's figures over one group of users: the computed part of `report.json`."""

from __future__ import annotations

from typing import Literal

from thumbprint.comparison.analysis.fairness import AttributeFairness
from thumbprint.comparison.results import Estimate, Frozen, Group


class Figure(Frozen):
    """One value a user, over users: `Spread` of keyboard_model.metrics with the mean's 95 % interval.

    All null when nobody was measured; `low` and `high` also when too few were.
    """

    mean: float | None
    median: float | None
    p10: float | None
    worst: float | None
    std: float | None
    low: float | None
    high: float | None


class AgainstGlobal(Frozen):
    """A method held against the shared model, each user against themselves; gains in recall_at_3.

    Attributes:
        relative_mean: mean / mean of the shared model - 1; None if that is 0.
        relative_median: The same of the medians.
        fraction_hurt: Users below the shared model, by whatever little.
        fraction_helped: Users at least 0.02 above it.
        p_value: Wilcoxon signed-rank over users.
        p_value_corrected: The same, Holm's correction over the methods of this group.
        users_tested: Users whose words were compared one by one.
        users_hurt_significantly: Of them, with more words lost than gained than chance explains (exact McNemar,
            Holm's correction over these users). None when nobody was compared word by word.
        users_helped_significantly: The reverse.
    """

    users: int
    gain: Figure
    relative_mean: Estimate | None
    relative_median: float | None
    fraction_hurt: Estimate | None
    fraction_helped: Estimate | None
    p_value: float
    p_value_corrected: float
    users_tested: int
    users_hurt_significantly: tuple[str, ...] | None
    users_helped_significantly: tuple[str, ...] | None


class Row(Frozen):
    """One method on one group. `against_global` is None where there is no shared model to hold it against."""

    method: str
    group: Group
    users: int
    words: int
    recall_at_1: Figure
    recall_at_3: Figure
    keystroke_savings: Figure
    against_global: AgainstGlobal | None


class MethodFairness(Frozen):
    """One method's gaps between groups of users: seen ones, new phones, or both together."""

    method: str
    population: Literal["all", "seen", "new_phone"]
    attributes: tuple[AttributeFairness, ...]
    attributes_left_out: tuple[str, ...]


class Reach(Frozen):
    """When training first reached the target on validation users; None when it never did. `bytes`: all clients'."""

    method: str
    rounds: int | None
    bytes: int | None


class Headline(Frozen):
    """The answer: the best method that a phone can run.

    Attributes:
        group: New phones, or seen users where no new phone was measured.
        best: Largest mean recall_at_3 among methods on the device that were measured as `global_only` was.
        runner_up: The next of them.
        lead: Mean difference of the two in recall_at_3 over the users of both.
        above: A reference that no phone can run and that is better still.
    """

    group: Group
    best: str
    runner_up: str | None
    lead: Estimate | None
    above: str | None


class Summary(Frozen):
    """All that is computed from a comparison.

    `rows`: new phones first, then by falling mean recall_at_3. `target_recall`: what `reach` is about; None without
    curves.
    """

    headline: Headline | None
    rows: tuple[Row, ...]
    fairness: tuple[MethodFairness, ...]
    target_recall: float | None
    reach: tuple[Reach, ...]

    def of(self, group: Group) -> list[Row]:
        """The rows of one group, best first."""
        return [row for row in self.rows if row.group == group]

    def row(self, method: str, group: Group) -> Row | None:
        return next((row for row in self.of(group) if row.method == method), None)
