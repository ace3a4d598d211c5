"""The stand-ins for a median, compared with the same computed by hand."""

import numpy as np
import pytest
import tensorflow_federated as tff

from benchmarks.poisoned.aggregators import NEAREST, WEISZFELD_STEPS, CoordinateMedian, GeometricMedian

pytestmark = pytest.mark.usefixtures("execution")

UPDATES = np.array([[0.6, 0.8], [0.8, 0.6], [0.7, 0.7], [0.5, 0.9], [-60.0, -80.0]], np.float32)
WEIGHTS = np.array([1, 2, 3, 4, 5], np.float32)


def aggregate(factory) -> np.ndarray:
    kind = tff.types.to_type((tff.TensorType(np.float32, [2]),))
    process = factory.create(kind, tff.TensorType(np.float32))
    (result,) = process.next(process.initialize(), [(update,) for update in UPDATES], list(WEIGHTS)).result
    return np.asarray(result)


def test_the_geometric_median_is_that_of_the_smoothed_weiszfeld_algorithm():
    center = np.zeros(2)
    for _ in range(WEISZFELD_STEPS):
        nearness = WEIGHTS / np.maximum(np.linalg.norm(UPDATES - center, axis=1), NEAREST)
        center = nearness @ UPDATES / nearness.sum()
    found = aggregate(GeometricMedian())
    np.testing.assert_allclose(found, center, rtol=1e-4)
    honest = np.average(UPDATES[:4], axis=0, weights=WEIGHTS[:4])
    assert np.linalg.norm(found - honest) < 0.1 * np.linalg.norm(np.average(UPDATES, axis=0, weights=WEIGHTS) - honest)


def test_the_median_of_each_number_has_no_weights():
    np.testing.assert_allclose(aggregate(CoordinateMedian(5)), np.median(UPDATES, axis=0), rtol=1e-6)
