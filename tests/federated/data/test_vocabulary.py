"""Words that several share, none by one person's weight."""

from federated.data.federated_data import shared_word_counts


def test_counts_by_hand():
    clients = [["See you", "see ME"], ["you see <#>"], ["you"]]
    assert shared_word_counts(clients, min_clients=1, count_cap=10) == {"see": 3, "you": 3, "me": 1}
    assert shared_word_counts(clients, min_clients=2, count_cap=10) == {"see": 3, "you": 3}
    assert shared_word_counts(clients, min_clients=3, count_cap=10) == {"you": 3}
    assert shared_word_counts(clients, min_clients=4, count_cap=10) == {}


def test_one_client_counts_a_word_up_to_the_cap():
    assert shared_word_counts([["ha " * 1000], ["ha"]], min_clients=2, count_cap=5) == {"ha": 6}


def test_typing_a_word_often_shares_it_with_nobody():
    assert shared_word_counts([["secret"] * 100], min_clients=2, count_cap=100) == {}


def test_nobody_and_nothing():
    assert shared_word_counts([], min_clients=1, count_cap=1) == {}
    assert shared_word_counts([[], [""], ["..."]], min_clients=1, count_cap=1) == {}
