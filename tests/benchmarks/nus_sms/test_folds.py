"""The figures of all folds of the main job, from those of each."""

import pytest

from benchmarks.nus_sms.folds import GROUPS, neural_figures, trigram_figures


def both(value):
    return dict.fromkeys(GROUPS, value)


def test_pools_the_users_of_all_folds_without_those_who_have_no_word():
    folds = [{"kenlm": both({"ann": (10, 1, 4), "bob": (0, 0, 0)})}, {"kenlm": both({"cem": (30, 3, 6)})}]
    figures = trigram_figures(folds)["kenlm"]["new_phones"]
    assert (figures["users"], figures["words"]) == (2, 40)
    assert figures["pooled"]["recall_at_3"]["value"] == pytest.approx(10 / 40)
    assert figures["recall_at_3"]["mean"] == pytest.approx((0.4 + 0.2) / 2)


def test_weights_the_neural_models_of_the_folds_by_their_words_and_by_their_users():
    def evaluation(clients, words, recall):
        shared = {metric: {"mean": recall} for metric in ("recall_at_1", "recall_at_3")}
        shared["pooled"] = {metric: {"value": recall} for metric in ("recall_at_1", "recall_at_3")}
        return {"groups": both({"clients": clients, "words": words, "models": {"shared": shared}})}

    figures = neural_figures([evaluation(1, 300, 0.1), evaluation(3, 100, 0.5)])["training"]
    assert (figures["users"], figures["words"]) == (4, 400)
    assert figures["pooled"]["recall_at_1"]["value"] == pytest.approx(0.2)
    assert figures["recall_at_1"]["mean"] == pytest.approx(0.4)
