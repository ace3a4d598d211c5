"""The manifest rejects unknown keys and numbers out of bounds, and infinity survives JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from pydantic import ValidationError

from device_runtime.bundle.files import MANIFEST
from device_runtime.manifest import COMPONENTS, FEATURES, HistoryRecipe, Manifest, NeuralCacheRecipe
from tests.support.device_runtime.bundle_parts import Content, merged


def test_a_manifest_survives_a_round_trip(content: Content) -> None:
    manifest = Manifest.model_validate_json(content[MANIFEST])
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": 1},
        {"recipe": {"stepz": 3}},
        {"recipe": {"steps": -1}},
        {"recipe": {"steps": 2**63}},
        {"recipe": {"learning_rate": -0.1}},
        {"recipe": {"learning_rate": "NaN"}},
        {"recipe": {"clip": 0}},
        {"recipe": {"holdout_share": 1.0}},
        {"recipe": {"adapter_dtype": "int4"}},
        {"recipe": {"history": {"cache_weight": 1.5}}},
        {"recipe": {"algorithm": "magic"}},
        {"recipe": {"starts": 0}},
        {"recipe": {"starts": 2}},
        {"recipe": {"constants": {"alpha": 0.5}}},
        {"recipe": {"algorithm": "apfl"}},
        {"recipe": {"algorithm": "apfl", "constants": {"alpha": 0.5}}},
        {"recipe": {"algorithm": "apfl", "constants": {"alpha": 1.5, "alpha_rate": 0.1}}},
        {"recipe": {"algorithm": "apfl", "constants": {"alpha": 0.5, "alpha_rate": "NaN"}}},
        {"recipe": {"algorithm": "interpolate", "constants": {"grid": 1}}},
        {"recipe": {"algorithm": "mapper", "starts": 2, "constants": {"grid": 4}}},
        {"recipe": {"algorithm": "fed_em", "constants": {"iterations": -1}}},
        {"recipe": {"history": {"concentration_2": "NaN"}}},
        {"model": {"vocab": 0}},
        {"model_id": "short"},
    ],
)
def test_rejects_unknown_keys_and_numbers_out_of_bounds(content: Content, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate_json(json.dumps(merged(json.loads(content[MANIFEST]), changes)))


@pytest.mark.parametrize(
    ("changes", "trains_nothing"),
    [
        ({"algorithm": "none", "steps": 0}, True),
        ({"algorithm": "steps", "steps": 0}, True),
        ({"algorithm": "steps", "steps": 1}, False),
        ({"algorithm": "clusters", "steps": 0, "starts": 2}, False),
        ({"algorithm": "fed_em", "steps": 0, "starts": 2, "constants": {"iterations": 10}}, False),
        ({"algorithm": "fed_em", "steps": 0, "starts": 1, "constants": {"iterations": 10}}, True),
        ({"algorithm": "interpolate", "steps": 1, "constants": {"grid": 11}}, False),
        ({"algorithm": "mapper", "steps": 1, "constants": {"grid": 4}}, False),
        ({"algorithm": "mapper", "steps": 0, "constants": {"grid": 4}}, True),
        ({"algorithm": "apfl", "steps": 1, "constants": {"alpha": 0.5, "alpha_rate": 0}}, False),
    ],
)
def test_trains_nothing(content: Content, changes: dict[str, Any], trains_nothing: bool) -> None:
    whole = merged(json.loads(content[MANIFEST]), {"recipe": changes})
    assert Manifest.model_validate_json(json.dumps(whole)).recipe.trains_nothing == trains_nothing


def test_an_infinite_concentration_is_written_as_a_string() -> None:
    recipe = HistoryRecipe(
        cache_weight=0,
        cache_half=1,
        discount=0.5,
        concentration_2=math.inf,
        concentration_3=math.inf,
        neural_cache=NeuralCacheRecipe(words=0, weight=0, half=0, sharpness=0),
        mixing=None,
        strengths=1,
        strength_words=1,
    )
    assert json.loads(recipe.model_dump_json())["concentration_2"] == "Infinity"
    assert HistoryRecipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_learned_weights_with_another_number_of_coefficients_are_refused() -> None:
    row = (0.0,) * (1 + FEATURES)
    numbers = {"cache_weight": 0, "cache_half": 1, "discount": 0.5, "concentration_2": 1, "concentration_3": 1}
    recipe = {
        **numbers,
        "neural_cache": {"words": 0, "weight": 0, "half": 0, "sharpness": 0},
        "strengths": 1,
        "strength_words": 1,
    }
    assert HistoryRecipe(**recipe, mixing=(row,) * COMPONENTS).mixing == (row,) * COMPONENTS
    for wrong in ((row,) * (COMPONENTS - 1), (row[1:],) * COMPONENTS, ((math.nan, *row[1:]),) * COMPONENTS):
        with pytest.raises(ValidationError):
            HistoryRecipe(**recipe, mixing=wrong)
