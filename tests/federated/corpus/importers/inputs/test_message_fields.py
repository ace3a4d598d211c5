from datetime import UTC, datetime

import pytest

from federated.corpus.importers.inputs.message_fields import People, from_epoch, from_iso

TIME = datetime(2022, 12, 24, 18, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("authors", "users"),
    [
        ([("1", "Ann"), ("2", "Bob")], ["Ann", "Bob"]),
        ([("1", "Ann"), ("1", "Annie"), ("1", None)], ["Ann", "Ann", "Ann"]),
        ([("1", "Ann"), ("2", "Ann"), ("1", "Ann"), ("2", "Ann")], ["Ann", "Ann (2)", "Ann", "Ann (2)"]),
        ([(None, "Ann"), ("", " Ann ")], ["Ann", "Ann"]),
        ([("1", None), ("1", "Ann"), (7, "")], ["1", "1", "7"]),
        ([(None, None), ("", " ")], [None, None]),
    ],
)
def test_one_id_is_one_user(authors, users):
    people = People()
    assert [people.user(*author) for author in authors] == users


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
