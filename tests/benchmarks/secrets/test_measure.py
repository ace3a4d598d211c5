"""When a secret counts as masked, and how the masking does on the corpus."""

from __future__ import annotations

import pytest

from benchmarks.secrets.corpus import Case, ordinary_cases, secret_cases
from benchmarks.secrets.measure import is_masked, tally


@pytest.mark.parametrize(
    ("secret", "left", "masked"),
    [
        ("GB29 NWBK 6016", "it is <#>", True),
        ("GB29 NWBK 6016", "it is GB<#>", True),
        ("GB29 NWBK 6016", "it is GB29 NWBK <#>", False),
        ("GB29 NWBK 6016", "it is gb29.<#>", False),
        ("12\u200b34", "it is 1234", False),
        ("123", "it is 123", False),
        ("123", "it is 12<#>", True),
    ],
)
def test_a_secret_is_masked_if_no_four_of_its_letters_and_digits_in_a_row_are_left(
    secret: str, left: str, masked: bool
) -> None:
    assert is_masked(Case("made up", False, f"it is {secret}", secret), left) is masked


@pytest.mark.parametrize("seed", [0, 1])
def test_nearly_all_secrets_are_masked_and_nearly_no_ordinary_message(seed: int) -> None:
    for counted in tally(secret_cases(4, seed)).values():
        assert counted.share <= 0.02, counted.examples
    for counted in tally(ordinary_cases(4, seed)).values():
        assert counted.share <= 0.005, counted.examples
