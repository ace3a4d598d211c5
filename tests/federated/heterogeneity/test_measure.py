import json

import pytest

from federated.corpus.schema import CorpusError
from federated.heterogeneity.measure import measure
from federated.heterogeneity.recommendation import recommend_method
from federated.heterogeneity.user_texts import HeterogeneityError
from tests.support.federated.heterogeneity.users import corpus_of, speaker


def test_a_measurement_is_complete_and_deterministic(tiny_corpus):
    found = measure(tiny_corpus)
    assert found == measure(tiny_corpus)
    assert (found.users_in_corpus, len(found.users), found.synthetic, found.run) == (12, 12, True, None)
    assert found.words.total == sum(user.words for user in found.users) > 0
    assert 0.1 < found.between_users.difference.mean < 0.9
    assert 0 < found.outside_shared.mean < 0.5
    assert found.compared == sum(user.to_others is not None for user in found.users) == found.to_others.observed.users
    assert found.gradients is None
    assert found.outside_tokenizer is None


def test_the_schema_is_stable(tiny_corpus):
    content = json.loads(json.dumps(measure(tiny_corpus).as_json(), allow_nan=False))
    assert (content["format"], content["format_version"]) == ("thumbprint-heterogeneity", 1)
    assert set(content) == {
        "format", "format_version", "corpus_id", "corpus", "synthetic", "users_in_corpus", "run", "train_share", "seed",
        "messages", "words", "length", "compared", "plain_to_others", "to_others", "between_users", "drift",
        "outside_shared", "outside_tokenizer", "signal", "clusters", "within_clusters", "gradients", "users", "pairs",
    }  # fmt: skip
    assert set(content["users"][0]) == {
        "user_id", "messages", "words", "plain_to_others", "to_others", "drift", "outside_shared", "outside_tokenizer",
        "cluster", "gradient",
    }  # fmt: skip
    assert set(content["between_users"]) == {"observed", "floor", "difference"}
    assert set(content["pairs"][0]) == {"first", "second", "divergence"}


def test_users_without_words_are_rows_without_figures(tmp_path):
    people = {f"u{i}": speaker("w", 60, seed=i) for i in range(3)}
    found = measure(corpus_of(tmp_path / "c.sqlite", **people, mute=["?!", "..."]))
    (mute,) = (user for user in found.users if user.user_id == "mute")
    assert (mute.messages, mute.words, mute.plain_to_others, mute.to_others, mute.cluster) == (1, 0, None, None, None)
    assert mute.outside_shared is None
    assert found.compared == 3


def test_users_with_little_text_are_counted_but_not_compared(tmp_path):
    found = measure(corpus_of(tmp_path / "c.sqlite", ann=["hi there"], bob=["hi you"]))
    assert (found.length, found.compared, found.between_users, found.signal) == (None, 0, None, None)
    assert found.words.total == 4
    assert recommend_method(found).method == "global_only"


def test_rejects_a_missing_corpus(tmp_path):
    with pytest.raises(CorpusError, match="does not exist"):
        measure(tmp_path / "none.sqlite")


def test_rejects_a_corpus_with_one_user(tmp_path):
    with pytest.raises(HeterogeneityError, match="needs two"):
        measure(corpus_of(tmp_path / "c.sqlite", ann=speaker("w", 60, seed=0)))
