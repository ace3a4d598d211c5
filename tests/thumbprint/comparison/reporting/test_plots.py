from xml.etree import ElementTree

import pytest

from tests.support.thumbprint.comparison import made_up
from thumbprint.comparison.analysis.summary import report_of
from thumbprint.comparison.reporting.plots import PICTURES, picture


@pytest.fixture(scope="module")
def small():
    return report_of(made_up.comparison(users=30, methods=("global_only", "fine_tuning", "thumbprint")))


@pytest.mark.parametrize("name", PICTURES)
def test_svg_is_well_formed_and_reproducible(small, name):
    svg = picture(small, name).svg()
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert picture(small, name).svg() == svg


@pytest.mark.parametrize("name", ["gain_by_user", "recall_distribution"])
def test_draws_a_panel_for_each_method_except_the_reference(report, name):
    svg = picture(report, name).svg().decode()
    for method in made_up.EFFECTS:
        assert (f">{method}</text>" in svg) == (method != "global_only")


def test_draws_a_png(small):
    assert picture(small, "recall").png().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_without_data_states_the_reason(name):
    svg = picture(report_of(made_up.comparison(methods=())), name).svg().decode()
    assert ElementTree.fromstring(svg.encode()).tag.endswith("svg")
    assert "measured" in svg


@pytest.mark.parametrize("users", [1, 2, 9])
@pytest.mark.parametrize("name", ["recall", "gain_by_user", "gain_histogram", "recall_distribution", "groups"])
def test_draws_few_users(users, name):
    few = report_of(made_up.comparison(users=users, methods=("global_only", "ditto")))
    assert picture(few, name).svg().startswith(b"<?xml")


def test_draws_quantiles_of_more_users_than_pixels():
    many = report_of(made_up.comparison(users=1500, methods=("global_only", "ditto")))
    assert picture(many, "gain_by_user").svg().count(b"<path") < 600
