import io

import pytest
from rich.console import Console

from tests.support.thumbprint.comparison import made_up
from thumbprint.comparison.analysis.summary import report_of
from thumbprint.comparison.reporting.table import comparison_view

SPARSE = made_up.comparisons_with_little_data()


def printed(report, width=120):
    console = Console(file=io.StringIO(), width=width)
    console.print(comparison_view(report))
    return console.file.getvalue()


def test_shows_the_best_method_first_and_the_conclusion_last():
    measured = made_up.comparison(methods=("global_only", "local_only", "thumbprint"))
    lines = printed(report_of(measured)).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("On new phones, thumbprint is best"))
    assert first > max(i for i, line in enumerate(lines) if "local_only" in line)
    assert next(line for line in lines if "│" in line).split("│")[1].strip() == "thumbprint"


def test_no_cell_is_cut_in_a_log():
    text = printed(report_of(made_up.comparison(methods=("global_only", "centralized", "thumbprint"))))
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("measured", SPARSE.values(), ids=SPARSE)
def test_names_the_methods_left_out(measured):
    assert "left out: fed_recon: no trial finished" in printed(report_of(measured))
