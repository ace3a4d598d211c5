import itertools
import subprocess
import sys
from collections import Counter

import pytest

from federated.corpus.schema import CorpusError
from federated.corpus.stats import corpus_stats
from federated.corpus.store import Corpus
from federated.corpus.synthetic.generate import RULES, make_persona, synthetic_corpus, write_synthetic
from keyboard_model.text.units import words


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("synthetic") / "c.sqlite"
    write_synthetic(path)
    with Corpus.open(path) as corpus:
        yield corpus


def test_the_corpus_is_marked_as_synthetic(corpus):
    assert corpus.synthetic
    assert corpus.source == "synthetic"
    assert corpus.description.startswith("SYNTHETIC")
    assert all(user_id.startswith("synthetic-") for user_id in corpus.user_ids())
    assert corpus.profile(next(corpus.user_ids()))["made_up"] == "yes"


def test_another_process_generates_the_same_corpus(corpus, tmp_path):
    program = f"""
from federated.corpus.synthetic.generate import write_synthetic
from federated.corpus.store import Corpus
write_synthetic({str(tmp_path / "again.sqlite")!r})
print(Corpus.open({str(tmp_path / "again.sqlite")!r}).corpus_id)
"""
    again = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert again.stdout.strip() == corpus.corpus_id


def test_another_seed_gives_other_users():
    assert next(synthetic_corpus(seed=1)) != next(synthetic_corpus(seed=0))


def test_every_user_has_the_documented_number_of_messages_over_two_weeks(corpus):
    assert corpus.num_users == 60
    for user_id in corpus.user_ids():
        messages = corpus.messages(user_id)
        assert 40 <= len(messages) <= 140
        times = [message.timestamp for message in messages]
        assert times == sorted(times)
        assert (times[-1] - times[0]).days >= 14


def test_messages_vary_and_users_share_most_words(corpus):
    stats = corpus_stats(corpus)
    assert stats.distinct_words > 1500
    assert stats.coverage[1000] > 0.9 and stats.shared_coverage > 0.9
    texts = Counter(message.text for user_id in corpus.user_ids() for message in corpus.messages(user_id))
    assert len(texts) > 0.8 * texts.total()
    assert not any(sign in text for text in texts for sign in "{}[]|_")


def test_users_have_habits_of_their_own(corpus):
    """A user's own older messages cover more of the user's newer word pairs than another user's messages do."""

    def pairs(messages):
        return Counter(pair for message in messages for pair in itertools.pairwise(words(message.text)))

    def covered(messages, seen):
        counted = pairs(messages)
        return sum(count for pair, count in counted.items() if pair in seen) / counted.total()

    by_user = [corpus.messages(user_id) for user_id in corpus.user_ids()]
    own = other = 0.0
    for mine, theirs in itertools.pairwise(by_user):
        cut = len(mine) * 4 // 5
        own += covered(mine[cut:], pairs(mine[:cut]))
        other += covered(mine[cut:], pairs(theirs[:cut]))
    assert own > 1.5 * other


def test_every_symbol_in_the_grammar_is_defined():
    persona = make_persona(0, 0)
    named = {slot for alternatives, _ in persona.rules.values() for text in alternatives for slot in slots(text)}
    assert named <= set(persona.rules)
    assert set(RULES) - named == {"message"}


def slots(text):
    return [part.split("}")[0] for part in text.split("{")[1:]]


@pytest.mark.parametrize("bad", [{"users": 0}, {"messages": (0, 5)}, {"messages": (5, 4)}])
def test_rejects_impossible_sizes(tmp_path, bad):
    with pytest.raises(CorpusError, match="a synthetic corpus needs at least 1 user, and an ascending range"):
        write_synthetic(tmp_path / "c.sqlite", **bad)
    assert not (tmp_path / "c.sqlite").exists()
