"""Which words the pieces of a base are chosen from."""

from collections import Counter

import pytest

from federated.pretraining.settings import VocabularyConfig
from federated.pretraining.vocabulary import joined_counts

PUBLIC = Counter({"the": 900_000, "whale": 99_999, "rare": 1})
LISTED = {"the": 5, "lol": 5}


def test_without_a_list_the_frequent_words_of_the_text_count():
    assert joined_counts(PUBLIC, {}, VocabularyConfig()) == {"the": 900_000, "whale": 99_999}


@pytest.mark.parametrize(("share", "lol_over_whale"), [(0.5, 5), (0.2, 1.25)])
def test_each_source_counts_by_its_share_however_long_it_is(share, lol_over_whale):
    joined = joined_counts(PUBLIC, LISTED, VocabularyConfig(list_share=share))
    assert joined.keys() == {"the", "whale", "lol"}
    assert joined["lol"] / joined["whale"] == pytest.approx(lol_over_whale, rel=0.01)
    assert sum(joined.values()) == pytest.approx(1e9, rel=1e-6)


def test_a_source_without_a_share_adds_no_words():
    assert joined_counts(PUBLIC, LISTED, VocabularyConfig(list_share=0)).keys() == {"the", "whale"}
    assert joined_counts(PUBLIC, LISTED, VocabularyConfig(list_share=1)).keys() == {"the", "lol"}


def test_a_rare_word_of_a_long_text_still_counts():
    joined = joined_counts(Counter({"the": 10**10, "rare": 2}), LISTED, VocabularyConfig())
    assert joined["rare"] == 1
