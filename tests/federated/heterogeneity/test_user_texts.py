from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.corpus.schema import Record
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus
from federated.heterogeneity.user_texts import (
    HeterogeneityError,
    UserText,
    outside_tokenizer,
    read_user_texts,
    share_outside_vocabulary,
)
from keyboard_model.text import tokenizer
from tests.support.federated.heterogeneity.users import corpus_of, user_texts


def read(path, **options):
    with Corpus.open(path) as corpus:
        return read_user_texts(corpus, **{"max_users": 10, "train_share": 0.8, "seed": 0} | options)


def test_the_test_part_is_not_read(tmp_path):
    start = datetime(2024, 1, 1)
    records = [
        Record(name, start + timedelta(hours=i), "secret" if i >= 8 else "See you")
        for name in ("ann", "bob")
        for i in range(10)
    ]
    write_corpus(tmp_path / "c.sqlite", records, source="test")
    found = read(tmp_path / "c.sqlite")
    assert found.vocabulary == ("see", "you")
    assert [(user.user_id, user.messages, len(user.words)) for user in found.users] == [("ann", 8, 16), ("bob", 8, 16)]
    assert found.users[0].words.tolist() == [0, 1] * 8


def test_messages_without_words_count_as_messages_only(tmp_path):
    path = corpus_of(tmp_path / "c.sqlite", ann=["?!", "hi there", "...", ":)", "yes"], bob=["hi"])
    ann = read(path, train_share=1.0).users[0]
    assert (ann.messages, ann.lengths.tolist()) == (5, [2, 1])


def test_a_larger_corpus_is_sampled_by_the_seed(tmp_path):
    path = corpus_of(tmp_path / "c.sqlite", **{f"u{i:02d}": ["hi", "ho"] for i in range(30)})
    drawn = [tuple(user.user_id for user in read(path, seed=seed).users) for seed in (0, 0, 1)]
    assert len(set(drawn[0])) == 10
    assert drawn[0] == drawn[1] != drawn[2]


def test_progress_is_reported(tmp_path):
    progress = []
    read(corpus_of(tmp_path / "c.sqlite", ann=["hi"], bob=["ho"]), on_users=lambda *done: progress.append(done))
    assert progress == [(1, 2), (2, 2)]


@pytest.mark.parametrize(("messages", "words"), [({"ann": ["hi"]}, "1 of 1"), ({"ann": ["?"], "bob": ["!"]}, "0 of 2")])
def test_rejects_fewer_than_two_users_with_words(tmp_path, messages, words):
    with pytest.raises(HeterogeneityError, match=f"{words} users typed a word.*more people"):
        read(corpus_of(tmp_path / "c.sqlite", **messages))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_shuffling_keeps_messages_whole(lengths, seed):
    ends = np.cumsum(lengths)
    typed = [tuple(range(end - length, end)) for end, length in zip(ends.tolist(), lengths, strict=True)]
    user = UserText("ann", len(lengths), np.arange(ends[-1]), np.array(lengths))
    shuffled = user.shuffled(np.random.default_rng(seed)).tolist()
    first = {message[0]: message for message in typed}
    found = [first[word] for word in shuffled if word in first]
    assert sorted(found) == typed
    assert [word for message in found for word in message] == shuffled


def test_a_word_is_shared_when_two_others_typed_it():
    found = share_outside_vocabulary(user_texts(ann=["hi own own"], bob=["hi both"], eve=["hi both hi"], mute=["!"]))
    # "hi": two others of each; "both": one other of each; "own": none
    assert found == [pytest.approx(2 / 3), pytest.approx(1 / 2), pytest.approx(1 / 3), None]


def test_two_users_have_too_few_others_for_a_shared_vocabulary():
    assert share_outside_vocabulary(user_texts(ann=["hi"], bob=["hi"], mute=["?"])) == [None, None, None]


def test_words_of_several_pieces_are_outside_the_tokenizer():
    pieces = tokenizer.train({"hello": 100, "there": 100}, 400)
    found = outside_tokenizer(user_texts(ann=["hello there zyxwv"], bob=["there"], mute=["?"]), pieces)
    assert found == [pytest.approx(1 / 3), 0.0, None]
