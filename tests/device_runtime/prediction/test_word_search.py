"""The search agrees with words that are scored one by one."""

from __future__ import annotations

import math

import pytest

from device_runtime.inference.engine import Engine
from device_runtime.inference.lexicon import is_one_word
from device_runtime.manifest import HistoryRecipe
from device_runtime.prediction.user_model import NO_NEURAL_CACHE, UserNgramModel
from device_runtime.prediction.word_search import WordSearch
from keyboard_model.text.units import units

OWNER = "meet zorblatt at the quuxhouse, zorblatt knows the quuxhouse"
RECIPE = HistoryRecipe(
    cache_weight=0.3,
    cache_half=10,
    discount=0.5,
    concentration_2=5,
    concentration_3=5,
    neural_cache=NO_NEURAL_CACHE,
    mixing=None,
    strengths=1,
    strength_words=1,
)


class Search:
    """Searches in one context, with or without a history."""

    def __init__(self, engine: Engine, context: str, owner: str) -> None:
        self.engine = engine
        self.ids = tuple(engine.tokenizer.encode(context).ids)
        self.history = UserNgramModel(RECIPE, engine.lexicon.piece_of)
        self.history.observe(units(owner))
        self.mixture = self.history.mixture([unit.text for unit in units(context)])

    def next_pieces(self, pieces: tuple[int, ...]):  # type: ignore[no-untyped-def]
        return self.engine.reader.log_probs(self.ids + pieces, self.engine.bundle.adapter_init)

    def search(self, prefix: str, k: int) -> list[tuple[str, float]]:
        return WordSearch(self.engine.lexicon, self.next_pieces, self.history, self.mixture, prefix, k).run()

    def exact(self, word: str) -> float:
        spelling = self.engine.lexicon.spelling(word)
        log_prob = sum(float(self.next_pieces(spelling[:i])[piece]) for i, piece in enumerate(spelling))
        index = self.history.index(word)
        return self.mixture.scale * math.exp(log_prob) + (0.0 if index is None else float(self.mixture.extra[index]))

    def candidates(self, prefix: str) -> set[str]:
        """Returns words of one piece, and words of two: the most probable continuing pieces with each ending."""
        lexicon = self.engine.lexicon
        log_probs = self.next_pieces(())
        by_probability = sorted(range(len(lexicon.continuing.ids)), key=lambda i: -log_probs[lexicon.continuing.ids[i]])
        words = set(lexicon.words.texts)
        for i in by_probability[:8]:
            beginning, first = lexicon.continuing.texts[i], int(lexicon.continuing.ids[i])
            words |= {
                beginning + ending
                for ending, last in zip(lexicon.endings.texts, lexicon.endings.ids, strict=True)
                if lexicon.spelling(beginning + ending) == (first, int(last))
            }
        return {word for word in words if word.startswith(prefix) and is_one_word(word)}


@pytest.mark.parametrize("owner", ["", OWNER])
@pytest.mark.parametrize("prefix", ["", "t", "se"])
def test_misses_no_better_word(engine: Engine, owner: str, prefix: str) -> None:
    search = Search(engine, "meet zorblatt at the", owner)
    found = search.search(prefix, 3)
    assert len(found) == 3
    for word, probability in found:
        assert word.startswith(prefix)
        assert search.exact(word) >= probability * (1 - 1e-5)  # what the search did not read counts as 0
    candidates = search.candidates(prefix) - {word for word, _ in found}
    single = {word for word in candidates if search.engine.lexicon.piece_of(word) >= 0}
    sample = sorted(single)[::7] + sorted(candidates - single)[::37]
    assert max((search.exact(word) for word in sample), default=0.0) <= found[-1][1] * (1 + 1e-5)


def test_probabilities_without_a_history_are_those_of_the_model(engine: Engine) -> None:
    search = Search(engine, "see you", "")
    for word, probability in search.search("", 10):
        assert probability == pytest.approx(search.exact(word), rel=1e-5)


def test_words_are_sorted_by_probability_without_duplicates(engine: Engine) -> None:
    found = Search(engine, "see you", OWNER).search("", 20)
    assert found == sorted(found, key=lambda item: (-item[1], item[0]))
    assert len({word for word, _ in found}) == 20


def test_completes_words_of_the_owner(engine: Engine) -> None:
    search = Search(engine, "meet", " ".join(["meet zorblatt."] * 100))
    assert search.search("", 1)[0][0] == "zorblatt"
    for end in range(1, 9):
        assert search.search("zorblatt"[:end], 3)[0][0] == "zorblatt"


def test_completes_a_prefix_that_ends_inside_a_piece(engine: Engine) -> None:
    search = Search(engine, "see you", "")
    several = [word for word in search.candidates("") if search.engine.lexicon.piece_of(word) < 0 and len(word) > 3]
    word = max(several, key=lambda word: (search.exact(word), word))
    for end in range(2, len(word) + 1):
        assert word in [found for found, _ in search.search(word[:end], 60)], word[:end]


def test_the_same_search_gives_the_same_words(engine: Engine) -> None:
    assert Search(engine, "see", OWNER).search("t", 5) == Search(engine, "see", OWNER).search("t", 5)


def test_an_impossible_prefix_gives_no_words(engine: Engine) -> None:
    assert Search(engine, "see", OWNER).search("\N{GRINNING FACE}", 3) == []
