import pytest
from ai_edge_litert.interpreter import Interpreter

from device_runtime.inference.engine import read_signatures
from device_runtime.manifest import Signature
from tests.support.tflite_export import models
from tflite_export import export


@pytest.fixture(scope="session")
def converted() -> bytes:
    """The small model as `model.tflite`."""
    from tflite_export.signatures import convert

    return convert(models.PARAMETERS, models.SHAPE)


@pytest.fixture
def no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets exports run the model in this process alone; two child processes for each would take seconds."""

    def read(model: bytes) -> dict[str, Signature]:
        return read_signatures(Interpreter(model_content=model))

    monkeypatch.setattr(export, "read_signatures_in_child", read)
    monkeypatch.setattr(export, "try_in_child", lambda bundle: None)
