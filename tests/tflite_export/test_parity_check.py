"""The check finds a difference where there is one, and refuses it."""

from pathlib import Path

import numpy as np
import pytest

from device_runtime.bundle.loader import parse_bundle
from device_runtime.manifest import Manifest
from keyboard_model.ngram.table import NgramTable
from tests.support.tflite_export.models import PARAMETERS, PROVENANCE, RECIPE, SHAPE, START, TOKENIZER
from tflite_export.export import assemble
from tflite_export.parity_check import ParityReport, check_parity
from tflite_export.signatures import ExportError


@pytest.fixture(scope="module")
def bundle(converted, tiny_keys):
    content = assemble(
        name="x",
        model=converted,
        tokenizer=TOKENIZER.model,
        starts=[START],
        ngram=NgramTable.empty(SHAPE.vocab),
        ngram_weight=0.0,
        shape=SHAPE,
        recipe=RECIPE,
        provenance=PROVENANCE,
        metrics={},
        private_key=tiny_keys[0],
    )
    return parse_bundle(Path("x"), Manifest.model_validate_json(content["manifest.json"]), content)


def test_the_exported_model_passes(bundle):
    found = check_parity(bundle, PARAMETERS)
    found.refuse_past_tolerance()
    assert 0 < found.mean_log_probability <= found.log_probability < 0.2
    assert 0 < found.adapt < 0.05


def test_the_report_is_deterministic(bundle):
    assert check_parity(bundle, PARAMETERS) == check_parity(bundle, PARAMETERS)


@pytest.mark.parametrize("field", ["embedding", "w_h", "w_p", "d"])
def test_a_different_model_is_refused(bundle, field):
    part = getattr(PARAMETERS, field)
    noise = np.random.default_rng(0).standard_normal(part.shape).astype(np.float32)
    with pytest.raises(ExportError, match="differs from the trained one"):
        check_parity(bundle, PARAMETERS._replace(**{field: part + noise})).refuse_past_tolerance()


@pytest.mark.parametrize("field", ["log_probability", "recall_at_3", "adapt"])
@pytest.mark.parametrize("value", [1.0, float("nan"), float("inf")])
def test_each_figure_is_compared_with_its_tolerance(field, value):
    fine = {"log_probability": 0.0, "mean_log_probability": 0.0, "recall_at_3": 0.0, "adapt": 0.0}
    ParityReport(**fine).refuse_past_tolerance()
    with pytest.raises(ExportError, match=field):
        ParityReport(**fine | {field: value}).refuse_past_tolerance()
