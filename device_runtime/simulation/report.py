"""`report.json`: the results of a simulation, and how all reports are read and written.

The schema is stable and described in docs/report.md. A file is written whole or not at all, and only its owner can
read it. Each error message says what to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from keyboard_model.metrics import Estimate, Spread
from keyboard_model.storage.durable_files import atomic_write_private


class ReportError(ValueError):
    """A report cannot be read or written. The message says what to do."""


class ReportModel(BaseModel):
    """A part of a report. It is immutable and rejects unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True, protected_namespaces=()
    )


class VersionedReport(ReportModel):
    """A whole report file. `schema_version` is the version of its schema."""

    schema_version: int


class _Version(BaseModel):
    schema_version: int


_Whole = TypeVar("_Whole", bound=VersionedReport)


def write_file(path: Path, content: bytes) -> None:
    """Writes `content` to `path`, whole or not at all. Only the owner can read it, because it describes single users.

    Raises:
        ReportError: the folder cannot be written to, or the disk is full. `path` is unchanged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_private(path, content)
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror or error}") from error


def write_model(path: Path, report: BaseModel) -> None:
    """Writes a report as JSON, whole or not at all.

    Raises:
        ReportError: `path` cannot be written. An old file there is unchanged.
    """
    write_file(path, (report.model_dump_json(indent=2) + "\n").encode())


def read_model(path: Path, kind: type[_Whole], version: int, what: str, again: str = "simulate again") -> _Whole:
    """Reads a report of this kind and schema version.

    Args:
        what: What the file should be, for error messages: `a report of …`.
        again: How to make a new report, for error messages.

    Raises:
        ReportError: the file cannot be read, is not such a report, or has another schema_version.
    """
    try:
        content = path.read_bytes()
        _check_version(path, content, version, again)
        report = kind.model_validate_json(content)
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ReportError(f"{path} is not {what}: {where}: {first['msg']}") from error
    return report


def _check_version(path: Path, content: bytes, version: int, again: str) -> None:
    """Refuses a report of another version for its version, and not for the first key that differs."""
    try:
        found = _Version.model_validate_json(content).schema_version
    except ValidationError:
        return  # it is no report at all
    if found != version:
        raise ReportError(f"{path} has schema_version {found}, this program reads {version}: {again} to renew it")


SCHEMA_VERSION = 2


class BundleInfo(ReportModel):
    """The bundle on the phones. `synthetic`: its model was trained on generated messages."""

    name: str
    model_id: str
    synthetic: bool


class CorpusInfo(ReportModel):
    """The corpus with the phones' messages. `synthetic`: a program generated the messages."""

    id: str
    description: str
    synthetic: bool


class Metrics(ReportModel):
    """The metrics of one keyboard on one user's held-out words, as shares 0..1."""

    recall_at_1: float
    recall_at_3: float
    keystroke_savings: float
    keystroke_savings_with_taps: float


class Recall(ReportModel):
    """The recall of one keyboard, as shares 0..1."""

    recall_at_1: float
    recall_at_3: float


class PooledRecall(ReportModel):
    """The recall of one keyboard where each word counts once, with intervals by user. None without words."""

    recall_at_1: Estimate | None
    recall_at_3: Estimate | None


class PooledMetrics(ReportModel):
    """The metrics of one keyboard over all words of the users, where each word counts once, with intervals by user."""

    recall_at_1: Estimate | None
    recall_at_3: Estimate | None
    keystroke_savings: Estimate | None
    keystroke_savings_with_taps: Estimate | None


class ModelSummary(ReportModel):
    """One keyboard over the users in the aggregates. Each user counts once; in `pooled`, each word counts once."""

    recall_at_1: Spread
    recall_at_3: Spread
    keystroke_savings: Spread
    keystroke_savings_with_taps: Spread
    pooled: PooledMetrics


class Gain(ReportModel):
    """The gain of a personal keyboard over users.

    Attributes:
        recall_at_3: Spread of personal minus shared recall_at_3.
        pooled: The same difference where each word counts once. None without users.
        relative_mean, relative_median: personal / shared - 1 of the mean and of the median. None if shared is 0.
    """

    recall_at_3: Spread
    pooled: Estimate | None
    relative_mean: Estimate | None
    relative_median: Estimate | None


class PrequentialSummary(ReportModel):
    """The personal keyboard that counts each message after its test: see `device_runtime.simulation.trial`."""

    recall_at_1: Spread
    recall_at_3: Spread
    pooled: PooledRecall
    gain: Gain


class Sizes(ReportModel):
    """Size of the stored adapter in bytes, over the phones that store one."""

    p50: int | None
    max: int | None


class Percentiles(ReportModel):
    """Percentiles of a measured time. None without values."""

    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None


class GateVerdict(ReportModel):
    """Whether the phone kept the adapter that it had trained, and the reason."""

    kept: bool
    reason: str


class ClientRow(ReportModel):
    """One user. `shared` (key `global`) and `personal` are None when none of the held-out messages has a word.

    Attributes:
        prequential: The personal keyboard that counts each message after its test. None also if this was not tested.
        gained, lost: Words that only the personal, or only the shared keyboard showed.
        hurt_probability, helped_probability: See `keyboard_model.user_posterior`. None if not in the aggregates.
    """

    user_id: str
    messages: int
    words_tested: int
    shared: Metrics | None = Field(validation_alias="global", serialization_alias="global")
    personal: Metrics | None
    prequential: Recall | None
    gained: int
    lost: int
    hurt_probability: float | None
    helped_probability: float | None
    verdict: GateVerdict
    adapter_bytes: int
    adaptation_seconds: float
    in_aggregates: bool


class FailedUser(ReportModel):
    """A user whose data caused an error on their phone. The other users' phones are not affected."""

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
    prequential: PrequentialSummary | None
    fraction_hurt: float | None
    fraction_helped: float | None
    likely_hurt: Estimate | None
    likely_helped: Estimate | None
    adapter_bytes: Sizes
    adaptation_seconds: Percentiles
    prediction_ms: Percentiles
    failed: tuple[FailedUser, ...]
    clients: tuple[ClientRow, ...]

    @property
    def synthetic(self) -> bool:
        """Whether any figure comes from generated messages."""
        return self.corpus.synthetic or self.bundle.synthetic


def write_report(path: Path, report: Report) -> None:
    """Writes `report.json`, whole or not at all. docs/report.md describes its keys.

    Raises:
        ReportError: `path` cannot be written. An old file there is unchanged.
    """
    write_model(path, report)


def load_report(path: Path) -> Report:
    """Reads a `report.json`.

    Raises:
        ReportError: the file cannot be read, is not a report, or has another schema_version.
    """
    return read_model(path, Report, SCHEMA_VERSION, "a report of `thumbprint simulate`")
