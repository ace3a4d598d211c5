import tracemalloc

import pytest

from device_runtime.simulation.fleet.aggregate import FleetAggregate
from device_runtime.simulation.fleet.plan import FleetPlan
from device_runtime.simulation.fleet.report import Refusal
from device_runtime.simulation.report import Recall
from tests.support.device_runtime.simulation.fleet_report import ANN, make_fleet_report


def test_a_days_recall_is_the_mean_over_phones_and_pooled_over_words(bundle):
    day = make_fleet_report([bundle]).days[0]
    assert (day.phones, day.words, day.typed, day.missed) == (2, 5, 4, 0)
    assert day.shared == Recall(recall_at_1=0, recall_at_3=(1 / 4 + 1) / 2)
    assert day.personal == Recall(recall_at_1=1 / 8, recall_at_3=1 / 4)
    assert day.shared_pooled == Recall(recall_at_1=0, recall_at_3=2 / 5)
    assert day.personal_pooled == Recall(recall_at_1=1 / 5, recall_at_3=2 / 5)
    assert (day.adaptations, day.kept, day.new_bundle) == (1, 0, 0)


def test_a_day_without_words_has_no_recall(bundle):
    day = make_fleet_report([bundle]).days[2]
    assert day.shared is day.personal is day.shared_pooled is day.personal_pooled is None
    assert (day.phones, day.words, day.missed) == (0, 0, 2)


def test_each_phone_counts_once_with_all_its_days(bundle):
    report = make_fleet_report([bundle])
    assert report.shared.recall_at_3.mean == (2 / 6 + 1) / 2
    assert report.personal.recall_at_3.mean == (4 / 6 + 0) / 2
    assert (report.personal.pooled.recall_at_1.value, report.personal.pooled.recall_at_3.value) == (2 / 7, 4 / 7)
    assert report.gain.mean == pytest.approx((2 / 6 - 1) / 2)
    assert (report.phones, report.users, report.phones_by_own_times, report.phones_with_wrong_clocks) == (3, 2, 1, 1)


def test_counts_refusals_by_reason_most_frequent_first(bundle):
    assert make_fleet_report([bundle]).refusals == (
        Refusal(by="policy", reason="the phone is not charging", times=40),
        Refusal(by="policy", reason="the phone is in use", times=5),
        Refusal(by="gate", reason="too little", times=1),
    )


def test_reports_the_size_of_adapters_and_the_time_of_adaptations(bundle):
    report = make_fleet_report([bundle])
    assert (report.adapter_bytes.p50, report.adapter_bytes.max, report.phones_with_adapter) == (1000, 1000, 1)
    assert (report.adaptations, report.adaptation_seconds) == (2, 1.5)


def test_counts_the_phones_with_the_new_bundle_by_day(bundle):
    report = make_fleet_report([bundle, bundle])
    assert [day.new_bundle for day in report.days] == [0, 1, 1]
    assert report.next_bundle == report.bundle
    assert make_fleet_report([bundle]).next_bundle is None


def test_a_fleet_without_timelines_has_no_figures(bundle):
    report = make_fleet_report([bundle], timelines=())
    assert (
        report.shared.pooled.recall_at_3
        is report.gain.mean
        is report.adaptation_seconds
        is report.adapter_bytes.p50
        is None
    )


def test_a_phone_takes_few_bytes():
    aggregate = FleetAggregate(FleetPlan(1, 3))
    aggregate.add(ANN)
    tracemalloc.start()
    try:
        for _ in range(300):
            aggregate.add(ANN.model_copy(update={"user_id": "".join(ANN.user_id)}))
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 300 * 64
