import pytest

from federated.heterogeneity.user_texts import outside_tokenizer, share_outside_vocabulary
from keyboard_model.text import tokenizer
from tests.support.federated.heterogeneity.people import writers


def test_a_word_is_shared_when_two_others_typed_it():
    found = share_outside_vocabulary(writers(ann=["hi own own"], bob=["hi both"], eve=["hi both hi"], mute=["!"]))
    # "hi": two others of each; "both": one other of each; "own": none
    assert found == [pytest.approx(2 / 3), pytest.approx(1 / 2), pytest.approx(1 / 3), None]


def test_two_users_have_no_two_others():
    assert share_outside_vocabulary(writers(ann=["hi"], bob=["hi"], mute=["?"])) == [None, None, None]


def test_what_the_tokenizer_spells_in_pieces_is_outside():
    pieces = tokenizer.train({"hello": 100, "there": 100}, 400)
    found = outside_tokenizer(writers(ann=["hello there zyxwv"], bob=["there"], mute=["?"]), pieces)
    assert found == [pytest.approx(1 / 3), 0.0, None]
