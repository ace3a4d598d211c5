import pytest

from device_runtime.simulation.fleet.job_scheduler import span_of, spans
from device_runtime.simulation.fleet.report import DayRow, Recall


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
def test_spans_grow_and_a_short_last_one_joins_the_one_before(days, found):
    assert [(span.first, span.last) for span in spans([day(number) for number in range(days)])] == found


def test_a_span_is_the_mean_over_phone_days():
    span = span_of([day(1, 3, 0.2, 0.3), day(2, 1, 0.4, 0.7), day(3, 0)])
    assert (span.first, span.last, span.phone_days, span.words) == (1, 3, 4, 20)
    assert span.shared == pytest.approx(0.25)
    assert span.personal == pytest.approx(0.4)
    assert (span.adaptations, span.kept) == (6, 3)


def test_a_span_without_words():
    assert span_of([day(1, 0)]).personal is None
