"""`report.json` of `thumbprint compare`: what was measured and what was computed from it (docs/comparison.md)."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from thumbprint.comparison.figures import Summary
from thumbprint.comparison.results import Comparison
from thumbprint.comparison.schema import Frozen
from thumbprint.comparison.summary import summarize

SCHEMA_VERSION = 1


class ComparisonError(ValueError):
    """A comparison that cannot be read; the message says what to do."""


class ComparisonReport(Frozen):
    """The whole of `report.json`; within a `schema_version` no key changes its name or meaning."""

    schema_version: int = SCHEMA_VERSION
    summary: Summary
    comparison: Comparison


def report_of(comparison: Comparison) -> ComparisonReport:
    """Returns a comparison with its figures."""
    return ComparisonReport(summary=summarize(comparison), comparison=comparison)


def load_comparison(path: Path) -> ComparisonReport:
    """Reads a `report.json`.

    Raises:
        ComparisonError: there is none, it is none of `thumbprint compare`, or its schema_version is another.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ComparisonError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        report = ComparisonReport.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ComparisonError(f"{path} is not a report of `thumbprint compare`: {where}: {first['msg']}") from error
    if report.schema_version != SCHEMA_VERSION:
        raise ComparisonError(
            f"{path} has schema_version {report.schema_version}, this program reads {SCHEMA_VERSION}: "
            "compare again to renew it"
        )
    return report
