"""The words that would fit what was typed but for one slip, ranked, beside those that do fit it."""

from __future__ import annotations

import numpy as np

from device_runtime.lexicon import Lexicon, is_one_word
from device_runtime.slips import LEAST_TYPED, PENALTY, Ranked, one_slip_away, with_slips
from device_runtime.user_history import Floats, Mixture, UserHistory
from device_runtime.word_search import Hidden, NextPieces


def despite_a_slip(
    exact: Ranked,
    lexicon: Lexicon,
    next_pieces: NextPieces,
    history: UserHistory,
    mixture: Mixture,
    prefix: str,
    k: int,
    hidden: Hidden | None,
) -> Ranked:
    """Returns `exact` (what `WordSearch` found) with words of one piece and the owner's that are a slip away.

    A slip's word is worth PENALTY times its probability; see `slips.with_slips` for when it is shown.
    """
    if len(prefix) < LEAST_TYPED:
        return exact
    scores = mixture.scale * np.exp(next_pieces(())) + history.by_piece(mixture, len(next_pieces(())))
    most = PENALTY * max(float(scores.max()), float(mixture.extra.max(initial=0.0)))
    if len(exact) >= k and exact[0][1] >= most:
        return exact
    offered = _shared(lexicon, scores, prefix) | _own(history, mixture, prefix)
    ranked = sorted(offered.items(), key=lambda item: (-item[1], item[0]))
    known = {word for word, _ in exact}
    slips: Ranked = []
    for word, score in ranked:
        if len(slips) == k or score <= 0.0:
            break
        if word not in known and is_one_word(word) and not (hidden is not None and hidden(word)):
            slips.append((word, PENALTY * score))
    return with_slips(exact, slips, k)


def _shared(lexicon: Lexicon, scores: Floats, prefix: str) -> dict[str, float]:
    words = lexicon.words
    found = {words.texts[at]: int(words.ids[at]) for at in one_slip_away(words.texts, prefix)}
    return {word: float(scores[piece]) for word, piece in found.items() if lexicon.piece_of(word) == piece}


def _own(history: UserHistory, mixture: Mixture, prefix: str) -> dict[str, float]:
    """The owner's words of several pieces, as far as the history alone carries them."""
    words = [history.spelt[at] for at in one_slip_away(history.spelt, prefix)]
    indexes = [(word, history.index(word)) for word in words]
    return {
        word: float(mixture.extra[index])
        for word, index in indexes
        if index is not None and int(history.pieces[index]) < 0
    }
