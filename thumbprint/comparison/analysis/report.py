"""The content of `report.json` of `thumbprint compare`: the measurements, and the figures computed from them.

docs/comparison.md describes every key. `thumbprint.comparison.analysis.summary` computes the figures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from device_runtime.simulation.report import VersionedReport, read_model
from keyboard_model.metrics import Estimate, Spread
from thumbprint.comparison.analysis.fairness import AttributeFairness
from thumbprint.comparison.results import Comparison, Frozen, Group

SCHEMA_VERSION = 2


class AgainstShared(Frozen):
    """A method compared with the shared model, each user with themselves. Gains are differences in recall_at_3.

    Attributes:
        prequential_gain: The gain of the phones that count each message after its test.
        pooled_gain: The gain where each word counts once. Its interval draws users.
        relative_mean: Mean divided by the mean of the shared model, minus 1; None if the latter is 0.
        relative_median: The same for the medians.
        fraction_hurt: Share of users below the shared model, by any amount.
        fraction_helped: Share of users at least 0.02 above it.
        p_value: Wilcoxon signed-rank test over users.
        p_value_corrected: The same with Holm's correction over the methods of this group.
        users_tested: Number of users whose words were compared one by one.
        likely_hurt: Share of these users who lose more than half a word in 100 with a probability of at least 0.9 (see
            `keyboard_model.user_posterior`). None if no user was compared word by word.
        likely_helped: Share of them who gain as much with that probability.
        users_likely_hurt, users_likely_helped: Their ids.
    """

    users: int
    gain: Spread
    prequential_gain: Spread
    pooled_gain: Estimate | None
    relative_mean: Estimate | None
    relative_median: Estimate | None
    fraction_hurt: Estimate | None
    fraction_helped: Estimate | None
    p_value: float
    p_value_corrected: float
    users_tested: int
    likely_hurt: Estimate | None
    likely_helped: Estimate | None
    users_likely_hurt: tuple[str, ...]
    users_likely_helped: tuple[str, ...]


class Row(Frozen):
    """One method on one group of users. `against_global` is None if the shared model was not measured.

    In `pooled_recall_at_3`, every word counts once; its interval draws users. In `prequential_recall_at_3`, the phones
    count each message after its test; it is over the users for whom this was measured.
    """

    method: str
    group: Group
    users: int
    words: int
    recall_at_1: Spread
    recall_at_3: Spread
    pooled_recall_at_3: Estimate | None
    prequential_recall_at_3: Spread
    keystroke_savings: Spread
    keystroke_savings_with_taps: Spread
    against_global: AgainstShared | None


class MethodFairness(Frozen):
    """The gaps between groups of users under one method. `population`: which users were compared."""

    method: str
    population: Literal["all", "seen", "new_phone"]
    attributes: tuple[AttributeFairness, ...]
    attributes_left_out: tuple[str, ...]


class Reach(Frozen):
    """The first round that reached the target on validation users, and the bytes that all clients sent until then.

    Both are None if the target was never reached.
    """

    method: str
    rounds: int | None
    bytes: int | None


class Headline(Frozen):
    """The answer: the best method that a phone can run.

    Attributes:
        group: New phones, or seen users if no new phone was measured.
        best: The method with the largest mean recall_at_3 among those that run on a phone and were measured in the
            same way as `global_only`.
        runner_up: The second best of them.
        lead: Mean difference in recall_at_3 between these two, over the users measured under both.
        above: A reference that is even better but that no phone can run.
    """

    group: Group
    best: str
    runner_up: str | None
    lead: Estimate | None
    above: str | None


class Summary(Frozen):
    """All figures computed from a comparison.

    Attributes:
        rows: New phones first, then by decreasing mean recall_at_3.
        target_recall: The target that `reach` refers to; None without learning curves.
    """

    headline: Headline | None
    rows: tuple[Row, ...]
    fairness: tuple[MethodFairness, ...]
    target_recall: float | None
    reach: tuple[Reach, ...]

    @property
    def deciding_group(self) -> Group:
        """The group of users that the answer is about."""
        if self.headline:
            return self.headline.group
        return self.rows[0].group if self.rows else "new_phone"

    def rows_of(self, group: Group) -> list[Row]:
        """Returns the rows of one group, best method first."""
        return [row for row in self.rows if row.group == group]

    def row(self, method: str, group: Group) -> Row | None:
        """Returns the row of one method on one group; None if it was not measured there."""
        return next((row for row in self.rows_of(group) if row.method == method), None)


class ComparisonReport(VersionedReport):
    """The whole of `report.json`. Within a `schema_version`, no key changes its name or meaning."""

    schema_version: int = SCHEMA_VERSION
    summary: Summary
    comparison: Comparison


def load_comparison(path: Path) -> ComparisonReport:
    """Reads a `report.json`.

    Raises:
        ReportError: there is no file, it is not a report of `thumbprint compare`, or it has another schema_version.
    """
    return read_model(path, ComparisonReport, SCHEMA_VERSION, "a report of `thumbprint compare`", "compare again")
