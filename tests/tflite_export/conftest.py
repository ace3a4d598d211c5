import pytest

from tests.tflite_export import models


@pytest.fixture(scope="session")
def converted() -> bytes:
    """The small model as `model.tflite`."""
    from tflite_export.convert import convert

    return convert(models.PARAMETERS, models.SHAPE)
