"""The model card of the shipped base: the rows of a corpus that it was measured on."""

from benchmarks.base_en.card import card
from device_runtime.bundle.loader import load_bundle
from federated.base import Base
from keyboard_model import base_en
from tests.support.device_runtime.simulation.report import make_report


def test_has_two_rows_for_a_corpus():
    report = make_report()
    bundle = load_bundle(base_en.BUNDLE, base_en.PUBLIC_KEY)
    lines = card(Base(base_en.BASE), bundle, 2_400_000, {"sms": report}).splitlines()
    (shared,) = (line for line in lines if line.endswith(" |") and "people of `sms`, shared |" in line)
    (personal,) = (line for line in lines if line.startswith("| the same, personal |"))
    assert f"{100 * report.shared.pooled.recall_at_3.value:.1f} %" in shared
    assert f"{100 * report.personal.recall_at_3.mean:.1f} %" in personal
