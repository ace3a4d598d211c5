"""Weights as a file: exactly, or in int8 within half a step of each row; damage is an error."""

import numpy as np
import pytest

from federated.model_file import ModelFileError, read_parameters, write_parameters
from keyboard_model.model import cifg_lstm

PARAMETERS = cifg_lstm.init(vocab=60, embedding=12, cells=20, seed=3)


def test_float32_weights_are_read_back_unchanged(tmp_path):
    write_parameters(tmp_path / "model", PARAMETERS, {"round": "7"})
    for found, written in zip(read_parameters(tmp_path / "model"), PARAMETERS, strict=True):
        assert found.dtype == np.float32 and np.array_equal(found, written)


def test_int8_weights_take_a_third_of_the_bytes_and_are_off_by_half_a_step(tmp_path):
    write_parameters(tmp_path / "exact", PARAMETERS)
    write_parameters(tmp_path / "model", PARAMETERS, int8=True)
    assert (tmp_path / "model").stat().st_size < 0.4 * (tmp_path / "exact").stat().st_size
    for name, found, written in zip(PARAMETERS._fields, read_parameters(tmp_path / "model"), PARAMETERS, strict=True):
        assert found.dtype == np.float32 and found.shape == written.shape
        if written.ndim == 2:
            assert (np.abs(found - written) <= np.abs(written).max(axis=1, keepdims=True) / 253).all(), name
            assert not np.array_equal(found, written)
        else:
            assert np.array_equal(found, written)


def test_a_row_of_zeros_stays_zero(tmp_path):
    embedding = PARAMETERS.embedding.copy()
    embedding[5] = 0
    write_parameters(tmp_path / "model", PARAMETERS._replace(embedding=embedding), int8=True)
    assert not read_parameters(tmp_path / "model").embedding[5].any()


@pytest.mark.parametrize("damage", ["cut", "other tensors", "scale"])
def test_damaged_weights_are_an_error(tmp_path, damage):
    import safetensors.numpy

    path = tmp_path / "model"
    write_parameters(path, PARAMETERS, int8=True)
    tensors = safetensors.numpy.load(path.read_bytes())
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        tensors[{"other tensors": "other", "scale": "w_p.scale"}[damage]] = np.ones(7, np.float32)
        path.write_bytes(safetensors.numpy.save(tensors))
    with pytest.raises(ModelFileError, match="damaged"):
        read_parameters(path)
    with pytest.raises(FileNotFoundError):
        read_parameters(tmp_path / "none")
