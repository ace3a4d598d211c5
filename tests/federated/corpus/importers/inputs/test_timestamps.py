from datetime import UTC, datetime

import pytest

from federated.corpus.importers.inputs.timestamps import from_epoch, from_iso

TIME = datetime(2022, 12, 24, 18, 5, tzinfo=UTC)


@pytest.mark.parametrize("value", [1671905100, "1671905100", 1671905100.0])
def test_reads_a_number_or_its_text(value):
    assert from_epoch(value) == TIME


@pytest.mark.parametrize("value", [None, True, "", "x", "1e5", [], {}, 10**30, "9" * 5000, float("nan"), float("inf")])
def test_what_is_no_time_is_none(value):
    assert from_epoch(value) is None
    assert from_iso(value) is None


def test_reads_iso_times_with_and_without_a_zone():
    assert from_iso("2022-12-24T18:05:00Z") == TIME
    assert from_iso("2022-12-24 18:05") == TIME.replace(tzinfo=None)
