import pytest

from tests.support.tflite_export import models


@pytest.fixture(scope="session")
def converted() -> bytes:
    """The small model as `model.tflite`."""
    from tflite_export.signatures import convert

    return convert(models.PARAMETERS, models.SHAPE)
