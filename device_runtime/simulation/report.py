"""`report.json`: the results of a simulation of many phones, written and read. The schema is stable (docs/report.md).

Writing is atomic and readable by the owner only; each error message says what to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from keyboard_model.metrics import Spread
from keyboard_model.storage.durable_files import atomic_write_private


class ReportError(ValueError):
    """A report that cannot be read or written; the message says what to do."""


class ReportModel(BaseModel):
    """A part of a report: nothing in it that is not known, nothing that changes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True, protected_namespaces=()
    )


class VersionedReport(ReportModel):
    """The whole of a report's file; `schema_version`: which of its schemas it follows."""

    schema_version: int


_Whole = TypeVar("_Whole", bound=VersionedReport)


def write_file(path: Path, content: bytes) -> None:
    """Writes `content` to `path` whole or not at all, for its owner to read: it speaks of single people.

    Raises:
        ReportError: the folder cannot be written to, or the disk is full; `path` is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_private(path, content)
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror or error}") from error


def write_model(path: Path, report: BaseModel) -> None:
    """Writes a report as JSON, whole or not at all.

    Raises:
        ReportError: `path` cannot be written; what stood there stays.
    """
    write_file(path, (report.model_dump_json(indent=2) + "\n").encode())


def read_model(path: Path, kind: type[_Whole], version: int, what: str, again: str = "simulate again") -> _Whole:
    """Reads a report of the kind and version given.

    Args:
        what: It is, in a sentence: `a report of …`.
        again: What makes such a report.

    Raises:
        ReportError: there is none, it is no such report, or its schema_version is another.
    """
    try:
        report = kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ReportError(f"{path} is not {what}: {where}: {first['msg']}") from error
    if report.schema_version != version:
        raise ReportError(
            f"{path} has schema_version {report.schema_version}, this program reads {version}: {again} to renew it"
        )
    return report


SCHEMA_VERSION = 1


class BundleInfo(ReportModel):
    """Which bundle the phones ran; `synthetic`: its model was trained on made-up messages."""

    name: str
    model_id: str
    synthetic: bool


class CorpusInfo(ReportModel):
    """Whose messages the phones were given; `synthetic`: nobody's, a program made them."""

    id: str
    description: str
    synthetic: bool


class Metrics(ReportModel):
    """One keyboard on one user's held-out words, shares 0..1."""

    recall_at_1: float
    recall_at_3: float
    keystroke_savings: float


class ModelSummary(ReportModel):
    """One keyboard over the users in the aggregates: each user counts once; `pooled`: each word does."""

    recall_at_1: Spread
    recall_at_3: Spread
    keystroke_savings: Spread
    pooled: Metrics | None


class Gain(ReportModel):
    """Personal minus global recall_at_3 over users; `relative_*`: personal / global - 1 of the mean, of the median."""

    recall_at_3: Spread
    relative_mean: float | None
    relative_median: float | None


class Sizes(ReportModel):
    """Bytes of the adapter a phone stores, over the phones that keep one."""

    p50: int | None
    max: int | None


class Percentiles(ReportModel):
    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None


class GateVerdict(ReportModel):
    """Whether the phone kept the adapter it had trained, and why."""

    kept: bool
    reason: str


class ClientRow(ReportModel):
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


class FailedUser(ReportModel):
    """A user whose data broke the simulation of their phone; no other user is touched by it."""

    user_id: str
    reason: str


class Report(VersionedReport):
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


def write_report(path: Path, report: Report) -> None:
    """Writes `report.json`, whole or not at all; keys are as in docs/report.md.

    Raises:
        ReportError: `path` cannot be written; what stood there stays.
    """
    write_model(path, report)


def load_report(path: Path) -> Report:
    """Reads a `report.json`.

    Raises:
        ReportError: there is none, it is no report, or its schema_version is another.
    """
    return read_model(path, Report, SCHEMA_VERSION, "a report of `thumbprint simulate`")
