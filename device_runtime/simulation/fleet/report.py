"""`fleet.json`: what a fleet's days came to. The schema is stable (docs/fleet.md)."""

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
    ReportModel,
    Sizes,
    VersionedReport,
    read_model,
    write_model,
)
from keyboard_model.metrics import Spread

SCHEMA_VERSION = 1


class PlanInfo(ReportModel):
    """What was asked for, and the world that the phones lived in; see `device_runtime.simulation.fleet.plan`."""

    population: int
    days: int
    seed: int
    words_a_day: int
    release_day: int
    world: dict[str, float]


class Recall(ReportModel):
    """One keyboard on the words tested: the mean over phones, each counting once, or over words. Shares 0..1."""

    recall_at_1: float
    recall_at_3: float


class DayRow(ReportModel):
    """One day of the fleet, which is also so many days since first use. The four recalls are null without words.

    `phones`: with a word tested. `new_bundle`: phones that run the second bundle. `typed`, `missed`: messages.
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
    """One keyboard over phones, all their days together; `pooled`: each word counts once."""

    recall_at_1: Spread
    recall_at_3: Spread
    pooled: Recall | None


class Refusal(ReportModel):
    """Why adaptations did not come to be. `policy`: hourly looks at which none might begin; `gate`: adaptations that
    ran and were not kept. A figure within a reason is written `…`."""

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
    people: int
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
        """Whether any figure here comes from made-up messages."""
        bundles = [self.bundle] if self.next_bundle is None else [self.bundle, self.next_bundle]
        return self.corpus.synthetic or any(bundle.synthetic for bundle in bundles)


def write_fleet_report(path: Path, report: FleetReport) -> None:
    """Writes `fleet.json`, whole or not at all.

    Raises:
        ReportError: `path` cannot be written; what stood there stays.
    """
    write_model(path, report)


def load_fleet_report(path: Path) -> FleetReport:
    """Reads a `fleet.json`.

    Raises:
        ReportError: there is none, it is no such report, or its schema_version is another.
    """
    return read_model(path, FleetReport, SCHEMA_VERSION, "a report of a fleet")


_BEGIN = (0, 1, 7, 14, 28, 56, 112, 224, 448)


@dataclass(frozen=True)
class Span:
    """Some days of a fleet; the recalls are recall_at_3, means over phone-days, None where no word was tested."""

    first: int
    last: int
    phone_days: int
    words: int
    shared: float | None
    personal: float | None
    adaptations: int
    kept: int


def spans(days: Sequence[DayRow]) -> list[Span]:
    """Returns the spans that these days, from day 0 on, fill.

    A last one of less than half its days is joined to the one before, for it would say little; but day 0, on which
    nothing is learnt yet, stands alone.
    """
    whole = itertools.pairwise((*_BEGIN, 2 * _BEGIN[-1]))
    begin = [
        first for first, end in whole if first < len(days) and (first <= 1 or 2 * (len(days) - first) >= end - first)
    ]
    return [span_of(days[first:end]) for first, end in itertools.pairwise([*begin, len(days)])]


def span_of(days: Sequence[DayRow]) -> Span:
    """Takes one or more days together."""
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
