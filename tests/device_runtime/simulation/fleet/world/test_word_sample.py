from collections import Counter

import numpy as np

from device_runtime.simulation.fleet.world.typing_calendar import draw_words


def test_all_words_where_there_are_few_each_with_what_stands_before_it():
    first, second = draw_words(["see you", "ok, bye"], 5, np.random.default_rng(0))
    assert [(word.context, word.word) for word in first] == [("", "see"), ("see ", "you")]
    assert [(word.context, word.word) for word in second] == [("", "ok"), ("ok, ", "bye")]


def test_so_many_words_each_as_likely():
    texts = ["a b c d", "e", "f g h i j"]
    drawn = Counter(
        word.word
        for seed in range(2000)
        for message in draw_words(texts, 3, np.random.default_rng(seed))
        for word in message
    )
    assert drawn.total() == 3 * 2000
    assert set(drawn) == set("abcdefghij")
    assert max(drawn.values()) - min(drawn.values()) < 160  # 600 each, standard deviation 20


def test_a_day_without_words():
    assert draw_words([], 5, np.random.default_rng(0)) == []
    assert draw_words(["?!"], 5, np.random.default_rng(0)) == [[]]
