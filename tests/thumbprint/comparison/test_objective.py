import pytest

from keyboard_model.metrics import WordCounts
from thumbprint.comparison.tuning import utility


def test_a_loss_counts_threefold():
    shared = [WordCounts(words=100, hits_at_3=20), WordCounts(words=100, hits_at_3=20)]
    personal = [WordCounts(words=100, hits_at_3=26), WordCounts(words=100, hits_at_3=19)]
    assert utility(shared, personal) == pytest.approx((6 - 3 * 1) / 2)


def test_users_without_words_count_nowhere():
    assert utility([WordCounts()], [WordCounts()]) == 0.0
