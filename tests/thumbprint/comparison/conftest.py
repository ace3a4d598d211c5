"""The generated comparison, built and summarized once per session."""

from __future__ import annotations

import pytest

from tests.support.thumbprint.comparison import made_up
from thumbprint.comparison.analysis.report import ComparisonReport
from thumbprint.comparison.analysis.summary import report_of
from thumbprint.comparison.results import Comparison


@pytest.fixture(scope="session")
def comparison() -> Comparison:
    return made_up.comparison()


@pytest.fixture(scope="session")
def report(comparison: Comparison) -> ComparisonReport:
    return report_of(comparison)
