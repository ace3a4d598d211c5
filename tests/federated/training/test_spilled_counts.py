"""Sums on disk equal those in memory, in ascending order, and survive a kill at any moment."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federated.training import spilled_counts
from federated.training.spilled_counts import SpilledCounts
from keyboard_model.ngram.kneser_ney import NgramCounts

KEYS = st.lists(st.integers(0, 40), max_size=12)
RNG = np.random.default_rng(0)
CLIENTS = [RNG.integers(0, 60, size=5).tolist() for _ in range(40)]


@pytest.fixture(autouse=True)
def small_runs(monkeypatch):
    """Merges three runs of a level, in blocks of two rows, and writes a run for seven rows; syncs nothing."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    for name, value in {"FAN": 3, "BLOCK": 2, "ROWS_IN_MEMORY": 7}.items():
        monkeypatch.setattr(spilled_counts, name, value)


def counts_of(keys: list[int]) -> NgramCounts:
    found, counts = np.unique(np.array(keys, np.int64), return_counts=True)
    return NgramCounts(found[::-1], counts[::-1], np.ones_like(found))


def expected(clients: list[list[int]]) -> list[tuple[int, int, int]]:
    counts = Counter(key for keys in clients for key in keys)
    typed_by = Counter(key for keys in clients for key in set(keys))
    return [(key, counts[key], typed_by[key]) for key in sorted(counts)]


def rows_of(sums: SpilledCounts) -> list[tuple[int, int, int]]:
    return [row for block in sums.blocks() for row in zip(*(part.tolist() for part in block), strict=True)]


def add_rest(sums: SpilledCounts, clients: list[list[int]]) -> None:
    for keys in clients[sums.clients :]:
        sums.add(counts_of(keys), clients=1)
    sums.save()


@settings(max_examples=30, deadline=None)
@given(st.lists(KEYS, max_size=30))
def test_sums_on_disk_equal_those_in_memory(tmp_path_factory, clients):
    folder = tmp_path_factory.mktemp("sums") / "new"
    sums = SpilledCounts(folder, "one")
    add_rest(sums, clients)
    assert rows_of(sums) == expected(clients) == rows_of(SpilledCounts(folder, "one"))


def test_many_runs_become_few_files_and_small_blocks(tmp_path):
    sums = SpilledCounts(tmp_path, "one")
    for keys in CLIENTS:
        sums.add(counts_of(keys), clients=1)
        sums.save()
    assert len(list(tmp_path.glob("*.counts"))) <= 2 * 4  # two runs on each level below 3^4
    assert max(len(block.keys) for block in sums.blocks()) <= 2 * 2 * 4


@pytest.mark.parametrize("name", ["atomic_write_private", "fsync_path", "_blocks", "summed"])
@pytest.mark.parametrize("call", [1, 2, 5, 9])
def test_a_kill_at_any_moment_loses_no_client_and_counts_none_twice(tmp_path, monkeypatch, name, call):
    original, calls = getattr(spilled_counts, name), 0

    def dies(*args):
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(spilled_counts, name, dies)
    with pytest.raises(KeyboardInterrupt):
        add_rest(SpilledCounts(tmp_path, "one"), CLIENTS)
    resumed = SpilledCounts(tmp_path, "one")
    assert resumed.clients < len(CLIENTS)
    add_rest(resumed, CLIENTS)
    assert rows_of(resumed) == expected(CLIENTS) and resumed.clients == len(CLIENTS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "cursor.json").write_text("{"),
        lambda folder: (folder / "cursor.json").write_text("[]"),
        lambda folder: (folder / "cursor.json").unlink(),
        lambda folder: next(folder.glob("*.counts")).write_bytes(b"short"),
        lambda folder: next(folder.glob("*.counts")).unlink(),
    ],
    ids=["cursor", "other JSON", "no cursor", "run", "no run"],
)
def test_damaged_sums_begin_again(tmp_path, damage):
    add_rest(SpilledCounts(tmp_path, "one"), CLIENTS)
    damage(tmp_path)
    again = SpilledCounts(tmp_path, "one")
    assert (again.clients, rows_of(again)) == (0, [])
    assert not list(tmp_path.glob("*.counts"))
    add_rest(again, CLIENTS)
    assert rows_of(again) == expected(CLIENTS)


def test_sums_of_something_else_are_deleted(tmp_path):
    add_rest(SpilledCounts(tmp_path, "one"), CLIENTS)
    assert SpilledCounts(tmp_path, "other").clients == 0
    assert SpilledCounts(tmp_path, "one").clients == 0


def test_only_the_owner_can_read_the_sums(tmp_path):
    add_rest(SpilledCounts(tmp_path / "sums", "one"), CLIENTS)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "sums").iterdir()}
    assert modes == {0o600} and (tmp_path / "sums").stat().st_mode & 0o777 == 0o700


def test_the_clients_left_out_are_counted_over_a_kill(tmp_path):
    sums = SpilledCounts(tmp_path, "one")
    sums.add(counts_of([]), clients=50, dropped=3)
    sums.save()
    resumed = SpilledCounts(tmp_path, "one")
    assert (resumed.clients, resumed.dropped) == (50, 3)
