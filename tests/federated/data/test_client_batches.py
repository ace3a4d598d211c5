"""The batches of a client in a round, and of all clients together: whole messages, none lost or repeated."""

import numpy as np
import pytest

from federated.corpus.store import Corpus
from federated.data.client_batches import ClientBatcher, cohort_batches, message_chunks, shuffled_batches
from federated.data.corpus_share import ClientSource
from federated.data.federated_data import FederatedData
from federated.job import DataConfig
from keyboard_model.batching import IGNORE, batches
from keyboard_model.text.tokenizer import Tokenizer, train

MESSAGES = [f"see you at {place} ok" for place in ("home", "work", "school", "the gym", "noon", "five", "zzyzx")]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train({"see": 9, "you": 8, "at": 7, "ok": 6, "home": 5, "work": 4}, 400)


def batcher(tokenizer: Tokenizer, *, max_windows: int = 100, word_dropout: float = 0.0, seed: int = 0) -> ClientBatcher:
    return ClientBatcher(tokenizer, batch=3, window=8, max_windows=max_windows, word_dropout=word_dropout, seed=seed)


def flat(client_batches) -> list:
    return [part.tolist() for batch in client_batches for part in batch]


def counted_targets(client_batches) -> list[int]:
    targets = np.concatenate([batch.targets.reshape(-1) for batch in client_batches])
    return sorted(targets[targets != IGNORE].tolist())


def test_every_piece_is_a_target_once(tokenizer):
    expected = sorted(i for text in MESSAGES for i in tokenizer.encode(text).ids[1:])
    assert counted_targets(batcher(tokenizer).read("ann", MESSAGES, 1)) == expected


def test_all_batches_have_the_same_shape(tokenizer):
    client_batches = batcher(tokenizer).read("ann", MESSAGES, 1)
    parts = [part for batch in client_batches for part in batch._asdict().items()]
    assert {(name, part.shape, part.dtype.name) for name, part in parts} == {
        ("tokens", (3, 8), "int32"),
        ("targets", (3, 8), "int32"),
    }


def test_batches_depend_on_seed_round_and_client(tokenizer):
    once = flat(batcher(tokenizer).read("ann", MESSAGES, 1))
    assert once == flat(batcher(tokenizer).read("ann", MESSAGES, 1))
    for other in (
        batcher(tokenizer).read("ann", MESSAGES, 2),
        batcher(tokenizer).read("bob", MESSAGES, 1),
        batcher(tokenizer, seed=1).read("ann", MESSAGES, 1),
    ):
        assert flat(other) != once


def test_each_round_draws_other_messages_if_the_windows_are_capped(tokenizer):
    capped = batcher(tokenizer, max_windows=2)
    rounds = [capped.read("ann", MESSAGES, number) for number in range(1, 6)]
    assert all(len(client_batches) == 1 for client_batches in rounds)
    assert all((batch.targets[2] == IGNORE).all() for (batch,) in rounds), "two windows and one of padding"
    assert len({str(flat(client_batches)) for client_batches in rounds}) == 5


@pytest.mark.parametrize("messages", [[], [""], ["", "  "]])
def test_a_client_that_typed_nothing_has_no_batch(tokenizer, messages):
    assert batcher(tokenizer).read("ann", messages, 1) == []


def test_a_client_that_typed_only_marks_has_no_targets(tokenizer):
    assert counted_targets(batcher(tokenizer).read("ann", ["...", "<#>"], 1)) == []


def test_a_single_message_gives_one_padded_batch(tokenizer):
    (batch,) = batcher(tokenizer).read("ann", ["see you"], 1)
    np.testing.assert_array_equal(batch.tokens[0, :2], tokenizer.encode("see you").ids[:2])
    assert (batch.tokens.reshape(-1)[2:] == tokenizer.bos).all()


def test_a_message_of_ten_thousand_words_is_cut_at_the_cap(tokenizer):
    assert len(batcher(tokenizer, max_windows=10).read("ann", ["see you " * 5_000], 1)) == 4


def test_the_last_batch_is_padded():
    tokens = np.arange(6, dtype=np.int32).reshape(3, 2)
    first, second = batches(tokens, tokens + 10, size=2, bos=1)
    np.testing.assert_array_equal(first.tokens, [[0, 1], [2, 3]])
    np.testing.assert_array_equal(second.tokens, [[4, 5], [1, 1]])
    np.testing.assert_array_equal(second.targets, [[14, 15], [IGNORE, IGNORE]])


def test_word_dropout_hides_inputs_and_keeps_targets(tokenizer):
    complete = batcher(tokenizer).read("ann", MESSAGES, 1)
    hidden = batcher(tokenizer, word_dropout=0.5).read("ann", MESSAGES, 1)
    for one, other in zip(complete, hidden, strict=True):
        np.testing.assert_array_equal(one.targets, other.targets)
        changed = one.tokens != other.tokens
        assert changed.any() and (other.tokens[changed] == tokenizer.slot).all()
        assert not (one.tokens[changed] == tokenizer.bos).any()
        assert other.tokens.dtype == np.int32


TOKENIZER = train({"see": 9, "you": 8, "home": 6, "ok": 5, "later": 4}, 400)
CLIENTS = [["see you", "ok", "home"], [], ["see you later"], ["ok ok", "home"], ["later"]]


def ids(messages: list[str]) -> list[tuple[int, ...]]:
    return [tuple(TOKENIZER.encode(message).ids) for message in messages]


def test_chunks_contain_whole_clients_in_their_order():
    pieces = sum(map(len, ids(CLIENTS[0])))
    chunks = [
        [tuple(encoded.ids) for encoded in chunk] for chunk in message_chunks(iter(CLIENTS), TOKENIZER, pieces=pieces)
    ]
    assert chunks[0] == ids(CLIENTS[0])
    assert [one for chunk in chunks for one in chunk] == ids([message for client in CLIENTS for message in client])
    assert all(chunks)
    assert len(list(message_chunks(iter(CLIENTS), TOKENIZER))) == 1


def test_clients_without_messages_give_no_chunk():
    assert list(message_chunks(iter([[], []]), TOKENIZER)) == []


def test_shuffled_batches_contain_every_piece_once():
    messages = next(message_chunks(iter(CLIENTS * 5), TOKENIZER))

    def read(seed: int) -> list:
        rng = np.random.default_rng(seed)
        return list(shuffled_batches(messages, rng, batch=2, window=6, bos=TOKENIZER.bos, length=3))

    first, again, other = read(0), read(0), read(1)
    assert [len(part) for part in first[:-1]] == [3] * (len(first) - 1) and 1 <= len(first[-1]) <= 3
    targets, same, others = (
        np.concatenate([batch.targets for part in parts for batch in part]) for parts in (first, again, other)
    )
    np.testing.assert_array_equal(targets, same)
    assert not np.array_equal(targets, others)
    counted = sorted(targets[targets != IGNORE].tolist())
    assert counted == sorted(others[others != IGNORE].tolist())
    assert counted == sorted(piece for encoded in messages for piece in encoded.ids[1:])


def test_clients_without_text_are_left_out_by_both(tokenizer, tiny_corpus, monkeypatch):
    texts = {"empty": ["", "  "], "none": [], "late": ["", "see you"]}
    monkeypatch.setattr(FederatedData, "training_messages", lambda self, client: texts[client])
    with Corpus.open(tiny_corpus) as corpus:
        data = FederatedData.of(corpus, DataConfig(), seed=0)
        for by_workers in (False, True):
            assert cohort_batches(ClientSource(batcher(tokenizer), data, by_workers), texts, 1).clients == ["late"]
