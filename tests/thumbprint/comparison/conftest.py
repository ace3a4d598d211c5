"""The generated comparison, built and summarized once per session."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.simulation.report import write_model
from tests.support.session_files import made_once
from tests.support.thumbprint.comparison import made_up
from thumbprint.comparison.analysis.report import ComparisonReport, load_comparison
from thumbprint.comparison.analysis.summary import report_of
from thumbprint.comparison.results import Comparison


@pytest.fixture(scope="session")
def comparison() -> Comparison:
    return made_up.comparison()


@pytest.fixture(scope="session")
def report(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> ComparisonReport:
    def make(folder: Path) -> None:
        write_model(folder / "report.json", report_of(comparison))

    return load_comparison(made_once(tmp_path_factory, "comparison-report", make) / "report.json")
