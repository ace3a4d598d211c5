"""The list of words that enough users typed, as a file."""

import stat
from collections import Counter

import pytest

from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.job import Job, TokenizerConfig
from federated.training import word_list
from federated.training.word_list import export_word_list, read_word_list
from keyboard_model.text.units import words

JOB = Job(tokenizer=TokenizerConfig(min_clients=3, count_cap=4))


def test_lists_the_shared_words_of_users_in_training_most_frequent_first(tiny_corpus, tmp_path):
    reported: list[tuple[int, int]] = []
    counts = export_word_list(JOB, tiny_corpus, tmp_path / "words.tsv", lambda *users: reported.append(users))
    with Corpus.open(tiny_corpus) as corpus:
        data = FederatedData.of(corpus, JOB.data, JOB.seed)
        typed = [Counter(w for text in messages for w in words(text)) for messages in data.all_training_messages()]
    users = Counter(word for of_user in typed for word in of_user)
    expected = {word: sum(min(of_user[word], 4) for of_user in typed) for word, number in users.items() if number >= 3}
    assert counts == expected and len(expected) > 10
    lines = (tmp_path / "words.tsv").read_text().splitlines()
    assert lines == [f"{word}\t{count}" for word, count in sorted(expected.items(), key=lambda i: (-i[1], i[0]))]
    assert read_word_list(tmp_path / "words.tsv") == counts
    assert reported == [(9, 9)]
    assert [path.name for path in tmp_path.iterdir()] == ["words.tsv"]


def test_an_interrupted_count_continues(tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("federated.training.count_cohorts.CLIENTS", 4)
    monkeypatch.setattr("federated.training.word_counts.SAVE_SECONDS", 0.0)

    def stop(done: int, users: int) -> None:
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_word_list(JOB, tiny_corpus, tmp_path / "words.tsv", stop)
    partial = tmp_path / "words.tsv.partial"
    assert stat.S_IMODE(partial.stat().st_mode) == 0o600
    reported: list[tuple[int, int]] = []
    counts = export_word_list(JOB, tiny_corpus, tmp_path / "words.tsv", lambda *users: reported.append(users))
    assert reported == [(8, 9), (9, 9)]
    assert counts == export_word_list(JOB, tiny_corpus, tmp_path / "again.tsv")
    assert not partial.exists()


def test_a_place_that_cannot_be_written_is_named_before_the_count(tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(word_list, "count_training_words", None)
    with pytest.raises(OSError, match="none"):
        export_word_list(JOB, tiny_corpus, tmp_path / "none" / "words.tsv")
