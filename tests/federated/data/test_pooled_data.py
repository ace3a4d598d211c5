"""Everybody's messages in one place: nothing lost, nothing twice, never more at once than the pool holds."""

import numpy as np

from federated.data.client_batches import pooled_batches, pools
from keyboard_model.batching.windows import IGNORE
from keyboard_model.text.tokenizer import train

TOKENIZER = train({"see": 9, "you": 8, "home": 6, "ok": 5, "later": 4}, 400)
CLIENTS = [["see you", "ok", "home"], [], ["see you later"], ["ok ok", "home"], ["later"]]


def ids(messages: list[str]) -> list[tuple[int, ...]]:
    return [tuple(TOKENIZER.encode(message).ids) for message in messages]


def test_pools_hold_whole_clients_in_their_order():
    enough = sum(map(len, ids(CLIENTS[0])))
    made = [[tuple(encoded.ids) for encoded in pool] for pool in pools(iter(CLIENTS), TOKENIZER, pieces=enough)]
    assert made[0] == ids(CLIENTS[0])
    assert [one for pool in made for one in pool] == ids([message for client in CLIENTS for message in client])
    assert all(made)
    assert len(list(pools(iter(CLIENTS), TOKENIZER))) == 1


def test_nobody_makes_no_pool():
    assert list(pools(iter([[], []]), TOKENIZER)) == []


def test_slices_are_all_batches_of_the_shuffled_messages():
    pool = next(pools(iter(CLIENTS * 5), TOKENIZER))

    def read(seed: int) -> list:
        return list(pooled_batches(pool, np.random.default_rng(seed), batch=2, window=6, bos=TOKENIZER.bos, length=3))

    made, again, other = read(0), read(0), read(1)
    assert [len(part) for part in made[:-1]] == [3] * (len(made) - 1) and 1 <= len(made[-1]) <= 3
    targets, same, others = (
        np.concatenate([batch["targets"] for part in parts for batch in part]) for parts in (made, again, other)
    )
    np.testing.assert_array_equal(targets, same)
    assert not np.array_equal(targets, others)
    counted = sorted(targets[targets != IGNORE].tolist())
    assert counted == sorted(others[others != IGNORE].tolist())
    assert counted == sorted(piece for encoded in pool for piece in encoded.ids[1:])
