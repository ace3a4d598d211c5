"""Words counted by TFF equal those of a plain count; only shared words leave a client, and the state is bounded."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federated.training import count_cohorts, word_counts
from federated.training.word_counts import FrequentHashes, SavedCount, WordReader, shared_word_counts
from keyboard_model.text.tokenizer import BOUNDARY, train
from keyboard_model.text.units import MAX_LETTERS
from tests.support.federated.plain_counts import plain_word_counts

pytestmark = pytest.mark.usefixtures("execution")

Clients = list[list[str]]
SENTENCES = (
    "See you at the café, don't wait!",
    "ok 👍 see you",
    "привет, как дела?",
    "พรุ่งนี้เจอกัน",
    "明天见 明天见",
    "مرحبا كيف حالك",
    "नमस्ते दोस्त",
    "so\u00adft e\u0301te\u0301",
    "ΟΔΟΣ İstanbul straße 𝒶𝒷",
)
RNG = np.random.default_rng(0)
MANY = [[SENTENCES[i] for i in RNG.integers(0, len(SENTENCES), 3)] for _ in range(11)]


def counted(
    clients: Clients, min_clients: int = 2, *, max_words: int = 100, count_cap: int = 10, capacity: int = 1000
) -> dict[str, int]:
    return count_into(SavedCount(capacity), clients, min_clients, max_words=max_words, count_cap=count_cap)


def count_into(
    into: SavedCount, clients: Clients, min_clients: int = 2, *, max_words: int = 100, count_cap: int = 10, read=None
) -> dict[str, int]:
    reader, ids = WordReader(max_words), [str(i) for i in range(len(clients))]
    read = read or (lambda i: reader.read(i, clients[int(i)], 0))
    return shared_word_counts(ids, read, min_clients=min_clients, count_cap=count_cap, into=into)


@pytest.mark.parametrize("cohort", [1, 4, 50])
@pytest.mark.parametrize("min_clients", [1, 2, 5])
@pytest.mark.parametrize("cap", [1, 10])
def test_equals_a_plain_count_in_all_scripts(monkeypatch, cohort, min_clients, cap):
    monkeypatch.setattr(count_cohorts, "CLIENTS", cohort)
    expected = plain_word_counts(MANY, min_clients=min_clients, count_cap=cap)
    assert counted(MANY, min_clients, count_cap=cap) == expected
    assert {"привет", "café", "明天"} <= expected.keys() or min_clients > 2


def test_counts_words_of_at_least_min_clients():
    clients = [["See you", "see ME"], ["you see <#>"], ["you"]]
    assert counted(clients, 1) == {"see": 3, "you": 3, "me": 1}
    assert counted(clients, 2) == {"see": 3, "you": 3}
    assert counted(clients, 3) == {"you": 3}
    assert counted(clients, 4) == {}


def test_a_client_contributes_to_a_count_up_to_the_cap():
    assert counted([["ha " * 1000], ["ha"]], count_cap=5) == {"ha": 6}


def test_a_client_contributes_the_words_that_it_types_most():
    flood = [" ".join(f"word{i}" for i in range(100)), "see see you you you"]
    assert counted([flood, flood], max_words=2) == {"you": 6, "see": 4}
    assert len(counted([flood, flood], max_words=50)) == 50


@pytest.mark.parametrize("clients", [[], [[], [""], ["..."]], [["secret"] * 100]], ids=["none", "no words", "one"])
def test_nothing_is_counted_without_shared_words(clients):
    assert counted(clients) == {}


def test_emoji_invisible_characters_and_endless_runs_are_no_words():
    longest, too_long = "h" * MAX_LETTERS, "h" * (MAX_LETTERS + 1)
    clients = [["I ❤️love", "so\u00adft"], ["♥️love", "soft", longest, too_long], ["\u200blove", longest, too_long]]
    assert counted(clients) == {"love": 3, "soft": 2, longest: 2}


def test_the_server_receives_no_word_of_too_few_clients(monkeypatch):
    received = []
    original = word_counts.build

    def build(count_cap, norm):
        def spied(computation):
            def call(*args):
                received.append(result := computation(*args))
                return result

            return call

        return tuple(map(spied, original(count_cap, norm)))

    monkeypatch.setattr(word_counts, "build", build)
    assert counted([["see you, zorblatt"], ["see me"], ["you see"]]) == {"see": 3, "you": 2}
    assert [np.asarray(part).dtype.kind for part in received[0]] == ["i", "i", "i"]
    assert sorted(received[1][0]) == [b"see", b"you"]


def test_words_of_too_few_clients_never_become_pieces():
    clients = [["see you home", "secretname secretname"] * 50, ["see you home"] * 50]
    counts = counted(clients)
    tokenizer = train(counts, 300)
    single = tokenizer.single_piece_words | tokenizer.continuing_pieces
    shared = "".join(f"{word}{BOUNDARY}" for word in counts)
    assert all(tokenizer.pieces[i] in shared or len(piece) == 0 for i, piece in single.items())


@pytest.mark.parametrize(("room", "readings"), [(1 << 20, 1), (0, 2)], ids=["kept", "read again"])
def test_clients_keep_their_words_if_there_is_room(monkeypatch, room, readings):
    monkeypatch.setattr(word_counts, "KEPT_BYTES", room)
    read = []
    reader = WordReader(max_words=9)
    counts = shared_word_counts(
        ["a", "b"],
        lambda client: read.append(client) or reader.read(client, ["see you"], 0),
        min_clients=2,
        count_cap=9,
        into=SavedCount(9),
    )
    assert counts == {"see": 2, "you": 2} and read == ["a", "b"] * readings


def test_clients_that_can_be_read_only_once_are_refused():
    with pytest.raises(TypeError, match="read twice"):
        shared_word_counts(iter("ab"), lambda _: None, min_clients=2, count_cap=1, into=SavedCount(1))


def test_with_more_words_than_fit_the_most_frequent_are_counted_and_no_rare_one():
    clients = [[f"see you rare{i} odd{i}"] for i in range(30)]
    assert counted(clients, min_clients=3, capacity=8).keys() == {"see", "you"}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=15), max_size=15), st.integers(1, 40))
def test_a_hash_lacks_at_most_the_error_and_no_client_is_invented(cohorts, capacity):
    frequent, clients = FrequentHashes(capacity), Counter()
    for cohort in cohorts:
        hashes, of_clients = np.unique(np.array(cohort, np.int64), return_counts=True)
        frequent.add(hashes, 2 * of_clients, of_clients)
        clients.update(cohort)
    for at_least in (1, 3):
        hashes, counts = frequent.of_clients(at_least)
        assert len(hashes) <= capacity and (np.diff(hashes) > 0).all()
        found = dict(zip(hashes.tolist(), counts.tolist(), strict=True))
        assert all(clients[each] >= at_least and count <= 2 * clients[each] for each, count in found.items())
        assert all(each in found for each, typed_by in clients.items() if typed_by >= at_least + frequent.error)
        assert all(clients[each] - count / 2 <= frequent.error for each, count in found.items())
    if len(clients) <= capacity:
        assert frequent.error == 0 and found == {each: 2 * by for each, by in clients.items() if by >= 3}


ELEVEN = [["see you"]] * 9 + [["see late"], ["late"]]


@pytest.mark.parametrize(
    ("killed_at", "saved"),
    [(1, (0, 0)), (3, (0, 0)), (6, (3, 0)), (10, (9, 0)), (12, (11, 0)), (15, (11, 3)), (22, (11, 9))],
)
def test_a_killed_count_continues_after_the_clients_that_were_saved(monkeypatch, tmp_path, killed_at, saved):
    monkeypatch.setattr(count_cohorts, "CLIENTS", 3)
    monkeypatch.setattr(word_counts, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(word_counts, "KEPT_BYTES", 0)
    reader, reads = WordReader(100), []

    def read(client):
        reads.append(client)
        if len(reads) == killed_at:
            raise KeyboardInterrupt
        return reader.read(client, ELEVEN[int(client)], 0)

    path = tmp_path / "count"
    with pytest.raises(KeyboardInterrupt):
        count_into(SavedCount(1000, path, "words"), ELEVEN, read=read)
    resumed = SavedCount(1000, path, "words")
    assert (resumed.counted, resumed.named) == saved
    assert count_into(resumed, ELEVEN, read=read) == {"see": 10, "you": 9, "late": 2}
    assert len(reads) - killed_at == 2 * len(ELEVEN) - sum(saved)
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 broken", None], ids=["empty", "damaged", "of another count"])
def test_a_count_that_cannot_be_continued_begins_anew(monkeypatch, tmp_path, damage):
    monkeypatch.setattr(word_counts, "SAVE_SECONDS", 0.0)
    saved = SavedCount(1000, tmp_path / "count", "words")
    expected = count_into(saved, MANY)
    if damage is not None:
        (tmp_path / "count").write_bytes(damage)
    again = SavedCount(1000, tmp_path / "count", "words" if damage is not None else "other words")
    assert (again.counted, again.named, again.names) == (0, 0, {})
    assert count_into(again, MANY) == expected
