"""A report as a file: written whole, for its owner to read, and read with errors that say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from keyboard_model.atomic import write_private


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
        write_private(path, content)
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
