"""`report.json`: what a simulation of many phones found. The schema is stable (docs/report.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from keyboard_model.atomic import write_private
from keyboard_model.metrics import Spread

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1


class ReportError(ValueError):
    """A report that cannot be read or written; the message says what to do."""


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True, protected_namespaces=()
    )


class BundleInfo(_Model):
    """Which bundle the phones ran; `synthetic`: its model was trained on made-up messages."""

    name: str
    model_id: str
    synthetic: bool


class CorpusInfo(_Model):
    """Whose messages the phones were given; `synthetic`: nobody's, a program made them."""

    id: str
    description: str
    synthetic: bool


class Metrics(_Model):
    """One keyboard on one user's held-out words, shares 0..1."""

    recall_at_1: float
    recall_at_3: float
    keystroke_savings: float


class ModelSummary(_Model):
    """One keyboard over the users in the aggregates: each user counts once; `pooled`: each word does."""

    recall_at_1: Spread
    recall_at_3: Spread
    keystroke_savings: Spread
    pooled: Metrics | None


class Gain(_Model):
    """Personal minus global recall_at_3 over users; `relative_*`: personal / global - 1 of the mean, of the median."""

    recall_at_3: Spread
    relative_mean: float | None
    relative_median: float | None


class Sizes(_Model):
    """Bytes of the adapter a phone stores, over the phones that keep one."""

    p50: int | None
    max: int | None


class Percentiles(_Model):
    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None


class GateVerdict(_Model):
    """Whether the phone kept the adapter it had trained, and why."""

    kept: bool
    reason: str


class ClientRow(_Model):
    """One user. `global` and `personal` are null when none of their held-out messages has a word."""

    user_id: str
    messages: int
    words_tested: int
    shared: Metrics | None = Field(validation_alias="global", serialization_alias="global")
    personal: Metrics | None
    verdict: GateVerdict
    adapter_bytes: int
    adaptation_seconds: float
    in_aggregates: bool


class FailedUser(_Model):
    """A user whose data broke the simulation of their phone; no other user is touched by it."""

    user_id: str
    reason: str


class Report(_Model):
    """The whole of `report.json`."""

    schema_version: int = SCHEMA_VERSION
    bundle: BundleInfo
    corpus: CorpusInfo
    min_messages: int
    train_share: float
    users: int
    clients_in_aggregates: int
    shared: ModelSummary = Field(validation_alias="global", serialization_alias="global")
    personal: ModelSummary
    gain: Gain
    fraction_hurt: float | None
    fraction_helped: float | None
    adapter_bytes: Sizes
    adaptation_seconds: Percentiles
    prediction_ms: Percentiles
    failed: tuple[FailedUser, ...]
    clients: tuple[ClientRow, ...]

    @property
    def synthetic(self) -> bool:
        """Whether any figure here comes from made-up messages."""
        return self.corpus.synthetic or self.bundle.synthetic


def write_file(path: Path, content: bytes) -> None:
    """Writes `content` to `path` whole or not at all, for its owner to read: it speaks of single people.

    Raises:
        ReportError: the folder cannot be written to, or the disk is full; `path` is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, content)
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror or error}") from error


def write_report(path: Path, report: Report) -> None:
    """Writes `report.json`, whole or not at all; keys are as in docs/report.md.

    Raises:
        ReportError: `path` cannot be written; what stood there stays.
    """
    write_file(path, (report.model_dump_json(indent=2) + "\n").encode())


def load_report(path: Path) -> Report:
    """Reads a `report.json`.

    Raises:
        ReportError: there is none, it is no report, or its schema_version is another.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        report = Report.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ReportError(f"{path} is not a report of `thumbprint simulate`: {where}: {first['msg']}") from error
    if report.schema_version != SCHEMA_VERSION:
        raise ReportError(
            f"{path} has schema_version {report.schema_version}, this program reads {SCHEMA_VERSION}: "
            "simulate again to renew it"
        )
    return report


def print_table(report: Report, console: Console) -> None:
    """Prints the report as a table a newcomer understands, with one line that says what it means."""
    from device_runtime.report_table import table_of

    console.print(table_of(report))
