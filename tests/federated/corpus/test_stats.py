from federated.corpus.schema import Record
from federated.corpus.stats import corpus_stats
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus


def stats(tmp_path, texts_by_user, **options):
    records = [Record(user, None, text) for user, texts in texts_by_user.items() for text in texts]
    write_corpus(tmp_path / "c.sqlite", records, source="test")
    with Corpus.open(tmp_path / "c.sqlite") as corpus:
        return corpus_stats(corpus, **options)


def test_the_statistics_of_a_small_corpus(tmp_path):
    found = stats(tmp_path, {"a": ["to be or not to be", "<#> !"], "b": ["to go"]}, vocab_sizes=(1, 2, 99))
    assert (found.users, found.messages, found.words, found.distinct_words) == (2, 3, 8, 5)
    assert found.coverage == {1: 3 / 8, 2: 5 / 8, 99: 1.0}  # to x3, be x2, then or, not, go
    assert found.shared_coverage == 3 / 8  # only "to" is shared
    assert found.messages_per_user["max"] == 2 and found.words_per_user["p10"] == 2
    assert list(found.words_per_user) == ["p10", "p25", "p50", "p75", "p90", "p99", "max"]


def test_percentiles_are_values_of_users(tmp_path):
    found = stats(tmp_path, {f"u{n:02d}": [f"word {i}" for i in range(n)] for n in range(1, 11)})
    assert found.messages_per_user == {"p10": 1, "p25": 3, "p50": 5, "p75": 8, "p90": 9, "p99": 10, "max": 10}


def test_users_without_words_count_as_users(tmp_path):
    found = stats(tmp_path, {"a": ["🙂", "!!!"]})
    assert (found.users, found.words, found.shared_coverage) == (1, 0, 0.0)
    assert set(found.coverage.values()) == {0.0}
