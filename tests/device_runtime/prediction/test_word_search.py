"""The search against words scored one by one: nothing better is missed, every probability is right."""

from __future__ import annotations

import math

import pytest

from device_runtime.inference.engine import Engine
from device_runtime.inference.lexicon import is_one_word
from device_runtime.manifest import HistoryRecipe
from device_runtime.prediction.user_model import UserNgramModel
from device_runtime.prediction.word_search import WordSearch
from keyboard_model.text.units import units

OWNER = "meet zorblatt at the quuxhouse, zorblatt knows the quuxhouse"
RECIPE = HistoryRecipe(cache_weight=0.3, cache_half=10, discount=0.5, concentration_2=5, concentration_3=5, strengths=1)


class Bench:
    """One context, with or without a history."""

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

    def rivals(self, prefix: str) -> set[str]:
        """Words of one piece, and of two: the likeliest openings with every ending."""
        lexicon = self.engine.lexicon
        log_probs = self.next_pieces(())
        likeliest = sorted(range(len(lexicon.continuing.ids)), key=lambda i: -log_probs[lexicon.continuing.ids[i]])[:8]
        words = set(lexicon.words.texts)
        for i in likeliest:
            opening, first = lexicon.continuing.texts[i], int(lexicon.continuing.ids[i])
            words |= {
                opening + ending
                for ending, last in zip(lexicon.endings.texts, lexicon.endings.ids, strict=True)
                if lexicon.spelling(opening + ending) == (first, int(last))
            }
        return {word for word in words if word.startswith(prefix) and is_one_word(word)}


@pytest.mark.parametrize("owner", ["", OWNER])
@pytest.mark.parametrize("prefix", ["", "t", "se"])
def test_nothing_better_is_missed(engine: Engine, owner: str, prefix: str) -> None:
    bench = Bench(engine, "meet zorblatt at the", owner)
    found = bench.search(prefix, 3)
    assert len(found) == 3
    for word, probability in found:
        assert word.startswith(prefix)
        assert bench.exact(word) >= probability * (1 - 1e-5)  # what the search did not read counts as 0
    rivals = bench.rivals(prefix) - {word for word, _ in found}
    single = {word for word in rivals if bench.engine.lexicon.piece_of(word) >= 0}
    sample = sorted(single)[::7] + sorted(rivals - single)[::37]
    assert max((bench.exact(word) for word in sample), default=0.0) <= found[-1][1] * (1 + 1e-5)


def test_without_a_history_every_probability_is_the_models(engine: Engine) -> None:
    bench = Bench(engine, "see you", "")
    for word, probability in bench.search("", 10):
        assert probability == pytest.approx(bench.exact(word), rel=1e-5)


def test_the_most_probable_first_and_none_twice(engine: Engine) -> None:
    found = Bench(engine, "see you", OWNER).search("", 20)
    assert found == sorted(found, key=lambda item: (-item[1], item[0]))
    assert len({word for word, _ in found}) == 20


def test_the_owners_words_are_completed(engine: Engine) -> None:
    bench = Bench(engine, "meet", " ".join(["meet zorblatt."] * 100))
    assert bench.search("", 1)[0][0] == "zorblatt"
    for end in range(1, 9):
        assert bench.search("zorblatt"[:end], 3)[0][0] == "zorblatt"


def test_a_prefix_that_ends_inside_a_piece(engine: Engine) -> None:
    bench = Bench(engine, "see you", "")
    several = [word for word in bench.rivals("") if bench.engine.lexicon.piece_of(word) < 0 and len(word) > 3]
    word = max(several, key=lambda word: (bench.exact(word), word))
    for end in range(2, len(word) + 1):
        assert word in [found for found, _ in bench.search(word[:end], 60)], word[:end]


def test_the_same_every_time(engine: Engine) -> None:
    assert Bench(engine, "see", OWNER).search("t", 5) == Bench(engine, "see", OWNER).search("t", 5)


def test_an_impossible_prefix(engine: Engine) -> None:
    assert Bench(engine, "see", OWNER).search("\N{GRINNING FACE}", 3) == []
