"""`fleet.json`: the results of a fleet simulation, and their means over spans of days.

The schema is stable and described in docs/fleet.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from device_runtime.simulation.report import (
    BundleInfo,
    CorpusInfo,
    FailedUser,
    PooledRecall,
    Recall,
    ReportModel,
    Sizes,
    VersionedReport,
    read_model,
    write_model,
)
from keyboard_model.metrics import Spread

SCHEMA_VERSION = 2


class PlanInfo(ReportModel):
    """The plan of the fleet and its world. See `device_runtime.simulation.fleet.plan`."""

    population: int
    days: int
    seed: int
    words_a_day: int
    release_day: int
    world: dict[str, float]


class DayRow(ReportModel):
    """One day of the fleet.

    Attributes:
        day: The number of days since first use.
        phones: Phones with a tested word.
        words: Tested words.
        typed, missed: Messages that a phone saw, and messages written while the phone was off.
        adaptations, kept: Adaptations that ran, and those that the gate kept.
        new_bundle: Phones that run the second bundle.
        shared, personal: Means over phones. None without words.
        shared_pooled, personal_pooled: Means over words. None without words.
    """

    day: int
    phones: int
    words: int
    typed: int
    missed: int
    adaptations: int
    kept: int
    new_bundle: int
    shared: Recall | None = Field(validation_alias="global", serialization_alias="global")
    personal: Recall | None
    shared_pooled: Recall | None = Field(validation_alias="global_pooled", serialization_alias="global_pooled")
    personal_pooled: Recall | None


class PhoneSpread(ReportModel):
    """One keyboard over phones, with all their days together. In `pooled`, each word counts once.

    The intervals are by user, because the phones of one user type the same messages.
    """

    recall_at_1: Spread
    recall_at_3: Spread
    pooled: PooledRecall


class Refusal(ReportModel):
    """A reason why phones did not adapt, and how often.

    Attributes:
        by: `policy`: hourly checks at which no adaptation was allowed. `gate`: adaptations that ran and were not kept.
        reason: The reason, with `…` in place of numbers.
        times: Number of checks or adaptations.
    """

    by: Literal["policy", "gate"]
    reason: str
    times: int


class FleetReport(VersionedReport):
    """The whole of `fleet.json`."""

    schema_version: int = SCHEMA_VERSION
    bundle: BundleInfo
    next_bundle: BundleInfo | None
    corpus: CorpusInfo
    plan: PlanInfo
    phones: int
    users: int = Field(validation_alias="people", serialization_alias="people")
    phones_by_own_times: int
    phones_with_wrong_clocks: int
    shared: PhoneSpread = Field(validation_alias="global", serialization_alias="global")
    personal: PhoneSpread
    gain: Spread
    days: tuple[DayRow, ...]
    refusals: tuple[Refusal, ...]
    adaptations: int
    adaptation_seconds: float | None
    adapter_bytes: Sizes
    phones_with_adapter: int
    failed: tuple[FailedUser, ...]

    @property
    def synthetic(self) -> bool:
        """Whether any figure comes from generated messages."""
        bundles = [self.bundle] if self.next_bundle is None else [self.bundle, self.next_bundle]
        return self.corpus.synthetic or any(bundle.synthetic for bundle in bundles)


def write_fleet_report(path: Path, report: FleetReport) -> None:
    """Writes `fleet.json`, whole or not at all.

    Raises:
        ReportError: `path` cannot be written. An old file there is unchanged.
    """
    write_model(path, report)


def load_fleet_report(path: Path) -> FleetReport:
    """Reads a `fleet.json`.

    Raises:
        ReportError: the file cannot be read, is not such a report, or has another schema_version.
    """
    return read_model(path, FleetReport, SCHEMA_VERSION, "a report of a fleet")


_SPAN_STARTS = (0, 1, 7, 14, 28, 56, 112, 224, 448)


@dataclass(frozen=True)
class Span:
    """Some consecutive days of a fleet. A single day has few words, so its means vary much by chance.

    Attributes:
        first, last: The first and the last day.
        phone_days: Number of phones with a tested word, summed over days.
        words: Tested words.
        shared, personal: Mean recall_at_3 over phone-days. None without words.
        adaptations, kept: Adaptations that ran, and those that the gate kept.
    """

    first: int
    last: int
    phone_days: int
    words: int
    shared: float | None
    personal: float | None
    adaptations: int
    kept: int


def spans(days: Sequence[DayRow]) -> list[Span]:
    """Divides these days into the first day, the rest of its week, and longer and longer spans.

    If fewer than half of the days of the last span exist, they join the span before. Day 0, on which the phones have
    learnt nothing yet, always stays alone.
    """
    bounds = itertools.pairwise((*_SPAN_STARTS, 2 * _SPAN_STARTS[-1]))
    starts = [
        first for first, end in bounds if first < len(days) and (first <= 1 or 2 * (len(days) - first) >= end - first)
    ]
    return [span_of(days[first:end]) for first, end in itertools.pairwise([*starts, len(days)])]


def span_of(days: Sequence[DayRow]) -> Span:
    """Returns the span of one or more consecutive days."""
    phone_days = sum(day.phones for day in days)
    shared = sum(day.phones * day.shared.recall_at_3 for day in days if day.shared)
    personal = sum(day.phones * day.personal.recall_at_3 for day in days if day.personal)
    return Span(
        first=days[0].day,
        last=days[-1].day,
        phone_days=phone_days,
        words=sum(day.words for day in days),
        shared=shared / phone_days if phone_days else None,
        personal=personal / phone_days if phone_days else None,
        adaptations=sum(day.adaptations for day in days),
        kept=sum(day.kept for day in days),
    )
