"""`fleet.json`: what a fleet's days came to. The schema is stable (docs/fleet.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from device_runtime.report import BundleInfo, CorpusInfo, FailedUser, Sizes, write_file
from keyboard_model.metrics import Spread

SCHEMA_VERSION = 1


class FleetReportError(ValueError):
    """A fleet's report that cannot be read; the message says what to do."""


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True, protected_namespaces=()
    )


class PlanInfo(_Model):
    """What was asked for, and the world that the phones lived in; see `device_runtime.fleet.plan`."""

    population: int
    days: int
    seed: int
    words_a_day: int
    release_day: int
    world: dict[str, float]


class Recall(_Model):
    """One keyboard on the words tested: the mean over phones, each counting once, or over words. Shares 0..1."""

    recall_at_1: float
    recall_at_3: float


class DayRow(_Model):
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


class PhoneSpread(_Model):
    """One keyboard over phones, all their days together; `pooled`: each word counts once."""

    recall_at_1: Spread
    recall_at_3: Spread
    pooled: Recall | None


class Refusal(_Model):
    """Why adaptations did not come to be. `policy`: hourly looks at which none might begin; `gate`: adaptations that
    ran and were not kept. A figure within a reason is written `…`."""

    by: Literal["policy", "gate"]
    reason: str
    times: int


class FleetReport(_Model):
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
    write_file(path, (report.model_dump_json(indent=2) + "\n").encode())


def load_fleet_report(path: Path) -> FleetReport:
    """Reads a `fleet.json`.

    Raises:
        FleetReportError: there is none, it is no such report, or its schema_version is another.
    """
    try:
        report = FleetReport.model_validate_json(path.read_bytes())
    except OSError as error:
        raise FleetReportError(f"cannot read {path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise FleetReportError(f"{path} is not a report of a fleet: {where}: {first['msg']}") from error
    if report.schema_version != SCHEMA_VERSION:
        raise FleetReportError(
            f"{path} has schema_version {report.schema_version}, this program reads {SCHEMA_VERSION}: "
            "simulate again to renew it"
        )
    return report
