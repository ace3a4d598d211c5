import numpy as np
import pytest
from safetensors import SafetensorError

from federated.personalization.client_states import ClientStateStore

ARRAYS = [np.arange(6, dtype=np.float32).reshape(2, 3).T, np.float32(0.5), np.zeros((0, 4), np.float32)]


def test_arrays_are_read_back_with_their_shapes(tmp_path):
    with ClientStateStore.open(tmp_path / "clients.sqlite") as states:
        states.save(3, ARRAYS, {"anna": ARRAYS})
        number, server = states.server()
        assert number == 3
        for found in (server, states.clients(["anna"])["anna"]):
            assert [part.shape for part in found] == [(3, 2), (), (0, 4)]
            for part, expected in zip(found, ARRAYS, strict=True):
                np.testing.assert_array_equal(part, expected)


def test_a_client_without_a_round_has_no_state_and_the_newest_round_is_returned(tmp_path):
    path = tmp_path / "clients.sqlite"
    with ClientStateStore.open(path) as states:
        assert (states.server(), states.clients(["anna"])) == (None, {})
        states.save(1, [np.float32(1)], {"anna": [np.float32(1)], "ben": [np.float32(2)]})
        states.save(2, [np.float32(5)], {"anna": [np.float32(3)]})
    with ClientStateStore.open(path) as states:
        assert states.server() == (2, [np.float32(5)])
        assert states.clients(["ben", "anna", "cem"]) == {"anna": [np.float32(3)], "ben": [np.float32(2)]}


def test_the_states_of_a_large_cohort_are_read(tmp_path):
    with ClientStateStore.open(tmp_path / "clients.sqlite") as states:
        states.save(1, [], {f"client{i}": [np.float32(i)] for i in range(1200)})
        assert states.clients([f"client{i}" for i in range(1, 1200)])["client1199"] == [np.float32(1199)]


def test_a_round_that_cannot_be_written_leaves_the_previous_one(tmp_path):
    with ClientStateStore.open(tmp_path / "clients.sqlite") as states:
        states.save(1, [np.float32(1)], {"anna": [np.float32(1)]})
        with pytest.raises(SafetensorError, match="dtype"):
            states.save(2, [np.float32(2)], {"anna": [np.asarray("no number")]})
        assert states.server() == (1, [np.float32(1)])
        assert states.clients(["anna"]) == {"anna": [np.float32(1)]}
