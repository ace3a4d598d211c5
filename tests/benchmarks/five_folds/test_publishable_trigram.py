"""A trigram that suggests only what several users typed."""

from benchmarks.five_folds.publishable_trigram import PublishableTrigram

CLIENTS = [
    ["see you later", "see you later", "my secret word is hidden"],
    ["see you soon", "see you later!"],
    ["you later, see", "see you soon"],
]


def test_suggests_the_words_that_follow_in_the_messages_of_several_users():
    model = PublishableTrigram.train(CLIENTS, 2)
    assert model.suggest(["<s>"], 1) == ["see"]
    assert model.suggest(["<s>", "see"], 1) == ["you"]
    assert model.suggest(["<s>", "see", "you"], 2) == ["later", "soon"]
    assert model.suggest(["never", "typed"], 1) == model.suggest(["<s>", "unknown", "words"], 1)


def test_what_a_single_user_typed_is_suggested_only_by_a_model_of_single_users():
    of_one, of_two = (PublishableTrigram.train(CLIENTS, least) for least in (1, 2))
    assert of_one.suggest(["<s>", "my"], 1) == ["secret"]
    assert set(of_two.suggest(["<s>", "my"], 4)) == {"see", "you", "later", "soon"}


def test_marks_are_context_and_never_suggested():
    model = PublishableTrigram.train([["ok! yes", "ok! yes"], ["ok! yes"]], 2)
    assert model.suggest(["ok", "!"], 5) == ["yes", "ok"]
