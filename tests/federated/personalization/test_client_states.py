"""Clients' states beside a run: what is kept comes back as it was."""

import numpy as np
import pytest
from safetensors import SafetensorError

from federated.personalization.client_states import ClientStateStore

ARRAYS = [np.arange(6, dtype=np.float32).reshape(2, 3).T, np.float32(0.5), np.zeros((0, 4), np.float32)]


def test_shapes_come_back_as_they_were_scalars_too(tmp_path):
    with ClientStateStore.open(tmp_path / "clients.sqlite") as states:
        states.keep(3, ARRAYS, {"anna": ARRAYS})
        number, server = states.server()
        assert number == 3
        for found in (server, states.client("anna")):
            assert [part.shape for part in found] == [(3, 2), (), (0, 4)]
            for part, expected in zip(found, ARRAYS, strict=True):
                np.testing.assert_array_equal(part, expected)


def test_who_took_no_part_has_none_and_the_newest_round_stands(tmp_path):
    path = tmp_path / "clients.sqlite"
    with ClientStateStore.open(path) as states:
        assert (states.server(), states.client("anna")) == (None, None)
        states.keep(1, [np.float32(1)], {"anna": [np.float32(1)], "ben": [np.float32(2)]})
        states.keep(2, [np.float32(5)], {"anna": [np.float32(3)]})
    with ClientStateStore.open(path) as states:
        assert states.server() == (2, [np.float32(5)])
        assert (states.client("anna"), states.client("ben")) == ([np.float32(3)], [np.float32(2)])


def test_a_round_that_breaks_half_way_leaves_the_one_before(tmp_path):
    with ClientStateStore.open(tmp_path / "clients.sqlite") as states:
        states.keep(1, [np.float32(1)], {"anna": [np.float32(1)]})
        with pytest.raises(SafetensorError, match="dtype"):
            states.keep(2, [np.float32(2)], {"anna": [np.asarray("no number")]})
        assert states.server() == (1, [np.float32(1)])
        assert states.client("anna") == [np.float32(1)]
