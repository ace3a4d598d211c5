import json

import pytest

from device_runtime.simulation.fleet.report import DayRow, Recall, load_fleet_report, span_of, spans, write_fleet_report
from device_runtime.simulation.report import ReportError
from tests.support.device_runtime.simulation.fleet_report import make_fleet_report

KEYS = """
    schema_version bundle next_bundle corpus plan phones people phones_by_own_times phones_with_wrong_clocks global
    personal gain days refusals adaptations adaptation_seconds adapter_bytes phones_with_adapter failed
"""
DAY_KEYS = """
    day phones words typed missed adaptations kept new_bundle global personal global_pooled personal_pooled
"""


def test_reads_back_what_was_written(bundle, tmp_path):
    report = make_fleet_report([bundle])
    write_fleet_report(tmp_path / "fleet.json", report)
    assert load_fleet_report(tmp_path / "fleet.json") == report


def test_the_schema_is_stable(bundle, tmp_path):
    write_fleet_report(tmp_path / "fleet.json", make_fleet_report([bundle]))
    written = json.loads((tmp_path / "fleet.json").read_text())
    assert list(written) == KEYS.split()
    assert list(written["days"][0]) == DAY_KEYS.split()
    assert list(written["days"][0]["global"]) == ["recall_at_1", "recall_at_3"]
    assert list(written["plan"]) == ["population", "days", "seed", "words_a_day", "release_day", "world"]


@pytest.mark.parametrize(
    ("content", "said"),
    [("{}", "bundle"), ("no json", "the file"), (None, "cannot read"), ("version", "simulate again")],
)
def test_rejects_a_file_that_is_not_a_report(bundle, tmp_path, content, said):
    path = tmp_path / "fleet.json"
    if content == "version":
        content = make_fleet_report([bundle]).model_copy(update={"schema_version": 1}).model_dump_json()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ReportError, match=said):
        load_fleet_report(path)


def test_rejects_a_folder_that_cannot_be_created(bundle, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot write"):
        write_fleet_report(tmp_path / "file" / "fleet.json", make_fleet_report([bundle]))


def day(number, phones=1, shared=0.2, personal=0.3):
    recalls = {
        name: Recall(recall_at_1=0, recall_at_3=value) if phones else None
        for name, value in (("shared", shared), ("personal", personal))
    }
    return DayRow(
        day=number,
        phones=phones,
        words=5 * phones,
        typed=0,
        missed=0,
        adaptations=2,
        kept=1,
        new_bundle=0,
        shared_pooled=None,
        personal_pooled=None,
        **recalls,
    )


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (1, [(0, 0)]),
        (2, [(0, 0), (1, 1)]),
        (4, [(0, 0), (1, 3)]),
        (9, [(0, 0), (1, 8)]),
        (11, [(0, 0), (1, 6), (7, 10)]),
        (30, [(0, 0), (1, 6), (7, 13), (14, 29)]),
        (700, [(0, 0), (1, 6), (7, 13), (14, 27), (28, 55), (56, 111), (112, 223), (224, 447), (448, 699)]),
    ],
)
def test_spans_grow_and_a_short_last_span_joins_the_one_before(days, found):
    assert [(span.first, span.last) for span in spans([day(number) for number in range(days)])] == found


def test_a_span_is_the_mean_over_phone_days():
    span = span_of([day(1, 3, 0.2, 0.3), day(2, 1, 0.4, 0.7), day(3, 0)])
    assert (span.first, span.last, span.phone_days, span.words) == (1, 3, 4, 20)
    assert span.shared == pytest.approx(0.25)
    assert span.personal == pytest.approx(0.4)
    assert (span.adaptations, span.kept) == (6, 3)


def test_a_span_without_words_has_no_recall():
    assert span_of([day(1, 0)]).personal is None
