"""`fleet.json`: what a fleet's days came to. The schema is stable (docs/fleet.md)."""

from __future__ import annotations

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
    """What was asked for, and the world that the phones lived in; see `device_runtime.simulation.fleet.world.plan`."""

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
