import pytest
from pydantic import ValidationError

from tests.support.thumbprint.comparison.rows import comparison, method, row
from thumbprint.comparison.results import ClientResult, Comparison


def test_a_comparison_survives_serialization():
    original = comparison(
        [method("global_only", [row("a", 3)], settings={"k": 1, "rate": 0.5, "gate": True, "x": None})]
    )
    again = Comparison.model_validate_json(original.model_dump_json())
    assert again == original
    assert [type(value) for value in again.methods[0].settings.values()] == [int, float, bool, type(None)]


def test_has_the_documented_keys():
    assert list(ClientResult.model_fields) == [
        "user_id", "group", "messages", "words", "hits_at_1", "hits_at_3", "characters", "characters_saved", "taps",
        "gained", "lost", "prequential_hits_at_3", "shared_hits_at_3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hits": 101}, "hits_at_3 <= words"),
        ({"hits": 3, "characters": 1, "characters_saved": 2}, "more characters are saved"),
        (
            {"hits": 3, "characters": 9, "characters_saved": 2},
            "cannot take 0 taps",
        ),  # a row without taps, of a version before
        ({"hits": 3, "gained": 1}, "must be known together"),
        ({"hits": 3, "shared_hits_at_3": 200}, "more than words"),
        ({"hits": 3, "prequential_hits_at_3": 200}, "more than words"),
        ({"hits": 3, "group": "old"}, "seen"),
        ({"hits": 3, "unknown": 1}, "Extra inputs"),
        ({"hits": -1}, "greater than or equal to 0"),
        ({"hits": 2.0}, "valid integer"),
    ],
)
def test_rejects_impossible_rows(values, message):
    with pytest.raises(ValidationError, match=message):
        row("a", **values)


def test_rejects_repeated_methods_and_users():
    with pytest.raises(ValidationError, match="two rows of one user"):
        method("ditto", [row("a", 1), row("a", 2)])
    with pytest.raises(ValidationError, match="listed twice"):
        comparison([method("ditto", []), method("ditto", [])])


def test_rejects_a_comparison_of_different_words():
    shared = method("global_only", [row("a", 20)])
    with pytest.raises(ValidationError, match="not the same test"):
        comparison([shared, method("ditto", [row("a", 20, words=90, gained=0, lost=0)])])
    with pytest.raises(ValidationError, match="not the difference"):
        comparison([shared, method("ditto", [row("a", 25, gained=6, lost=2)])])
    with pytest.raises(ValidationError, match="number of messages is not that of global_only"):
        comparison([shared, method("ditto", [row("a", 25, messages=7)])])
    comparison([shared, method("ditto", [row("a", 25, messages=7, group="seen")])])  # of another fold
    comparison([shared, method("ditto", [row("a", 25, gained=7, lost=2), row("b", 9, gained=3, lost=0)])])


def test_rejects_nan():
    with pytest.raises(ValidationError, match="finite"):
        method("ditto", [], settings={"rate": float("nan")})


def test_a_variant_knows_its_method():
    assert method("fine_tuning+q1", []).base == "fine_tuning"
    assert method("ditto", []).base == "ditto"
