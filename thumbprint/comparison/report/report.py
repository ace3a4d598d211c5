"""`report.json` of `thumbprint compare`: what was measured and what was computed from it (docs/comparison.md)."""

from __future__ import annotations

from pathlib import Path

from device_runtime.simulation.report import VersionedReport, read_model
from thumbprint.comparison.analysis.metrics import Summary
from thumbprint.comparison.analysis.summary import summarize
from thumbprint.comparison.results import Comparison

SCHEMA_VERSION = 1


class ComparisonReport(VersionedReport):
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
        ReportError: there is none, it is none of `thumbprint compare`, or its schema_version is another.
    """
    return read_model(path, ComparisonReport, SCHEMA_VERSION, "a report of `thumbprint compare`", "compare again")
