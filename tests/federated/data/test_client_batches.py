"""A client's batches of a round, and the pooled batches of all clients: whole messages, nothing lost or repeated."""

import numpy as np
import pytest

from federated.data.client_batches import ClientBatcher, pooled_batches, pools
from keyboard_model.batching.windows import IGNORE, batches
from keyboard_model.text.tokenizer import Tokenizer, train

MESSAGES = [f"see you at {place} ok" for place in ("home", "work", "school", "the gym", "noon", "five", "zzyzx")]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train({"see": 9, "you": 8, "at": 7, "ok": 6, "home": 5, "work": 4}, 400)


def client_data(
    tokenizer: Tokenizer, *, max_windows: int = 100, word_dropout: float = 0.0, seed: int = 0
) -> ClientBatcher:
    return ClientBatcher(tokenizer, batch=3, window=8, max_windows=max_windows, word_dropout=word_dropout, seed=seed)


def flat(made) -> list:
    return [part.tolist() for batch in made for part in batch]


def counted(made) -> list[int]:
    targets = np.concatenate([batch.targets.reshape(-1) for batch in made])
    return sorted(targets[targets != IGNORE].tolist())


def test_every_piece_is_learnt_once(tokenizer):
    expected = sorted(i for text in MESSAGES for i in tokenizer.encode(text).ids[1:])
    assert counted(client_data(tokenizer).round("ann", MESSAGES, 1)) == expected


def test_all_batches_have_one_shape(tokenizer):
    made = client_data(tokenizer).round("ann", MESSAGES, 1)
    assert {(name, part.shape, part.dtype.name) for batch in made for name, part in batch._asdict().items()} == {
        ("tokens", (3, 8), "int32"),
        ("targets", (3, 8), "int32"),
    }


def test_the_same_by_seed_round_and_client_alone(tokenizer):
    once = flat(client_data(tokenizer).round("ann", MESSAGES, 1))
    assert once == flat(client_data(tokenizer).round("ann", MESSAGES, 1))
    for other in (
        client_data(tokenizer).round("ann", MESSAGES, 2),
        client_data(tokenizer).round("bob", MESSAGES, 1),
        client_data(tokenizer, seed=1).round("ann", MESSAGES, 1),
    ):
        assert flat(other) != once


def test_a_cap_on_windows_draws_some_and_each_round_others(tokenizer):
    data = client_data(tokenizer, max_windows=2)
    rounds = [data.round("ann", MESSAGES, number) for number in range(1, 6)]
    assert all(len(made) == 1 for made in rounds)
    assert all((made[0].targets[2] == IGNORE).all() for made in rounds), "two windows and one of padding"
    assert len({str(flat(made)) for made in rounds}) == 5


@pytest.mark.parametrize("messages", [[], [""], ["", "  "]])
def test_a_client_that_typed_nothing_has_no_batch(tokenizer, messages):
    assert client_data(tokenizer).round("ann", messages, 1) == []


def test_a_client_of_marks_alone_has_nothing_to_learn(tokenizer):
    assert counted(client_data(tokenizer).round("ann", ["...", "<#>"], 1)) == []


def test_one_message_is_one_batch(tokenizer):
    (batch,) = client_data(tokenizer).round("ann", ["see you"], 1)
    np.testing.assert_array_equal(batch.tokens[0, :2], tokenizer.encode("see you").ids[:2])
    assert (batch.tokens.reshape(-1)[2:] == tokenizer.bos).all()


def test_a_message_of_ten_thousand_words(tokenizer):
    made = client_data(tokenizer, max_windows=10).round("ann", ["see you " * 5_000], 1)
    assert len(made) == 4


def test_batches_by_hand():
    tokens = np.arange(6, dtype=np.int32).reshape(3, 2)
    first, second = batches(tokens, tokens + 10, size=2, bos=1)
    np.testing.assert_array_equal(first.tokens, [[0, 1], [2, 3]])
    np.testing.assert_array_equal(second.tokens, [[4, 5], [1, 1]])
    np.testing.assert_array_equal(second.targets, [[14, 15], [IGNORE, IGNORE]])


def test_hidden_words_are_still_to_be_predicted(tokenizer):
    whole = client_data(tokenizer).round("ann", MESSAGES, 1)
    hidden = client_data(tokenizer, word_dropout=0.5).round("ann", MESSAGES, 1)
    for one, other in zip(whole, hidden, strict=True):
        np.testing.assert_array_equal(one.targets, other.targets)
        changed = one.tokens != other.tokens
        assert changed.any() and (other.tokens[changed] == tokenizer.slot).all()
        assert not (one.tokens[changed] == tokenizer.bos).any()
        assert other.tokens.dtype == np.int32


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
        np.concatenate([batch.targets for part in parts for batch in part]) for parts in (made, again, other)
    )
    np.testing.assert_array_equal(targets, same)
    assert not np.array_equal(targets, others)
    counted = sorted(targets[targets != IGNORE].tolist())
    assert counted == sorted(others[others != IGNORE].tolist())
    assert counted == sorted(piece for encoded in pool for piece in encoded.ids[1:])
