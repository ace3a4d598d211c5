from device_runtime.simulation.held_out import LONGEST_CONTEXT, HeldOutWord, TrialPlan, held_out_words, split_messages

MESSAGES = [(None, str(number)) for number in range(10)]


def texts(plan: TrialPlan) -> tuple[str, str]:
    learnt, tested = split_messages(MESSAGES, plan)
    return "".join(text for _, text in learnt), "".join(text for _, text in tested)


def test_splits_by_time_and_leaves_out_what_the_plan_says():
    assert texts(TrialPlan(0.6)) == ("012345", "6789")
    assert texts(TrialPlan(0.6, seen=2)) == ("45", "6789")
    assert texts(TrialPlan(0.6, tested=3)) == ("012345", "678")
    assert texts(TrialPlan(0.6, seen=0, tested=100)) == ("", "6789")


def test_limits_the_context_in_a_long_message():
    text = "word " * 10_000
    tested = list(held_out_words([(None, text)]))
    assert len(tested) == 10_000
    assert all(word.context.endswith("word ") for word in tested[1:])
    assert max(len(word.context) for word in tested) == LONGEST_CONTEXT
    assert min(len(word.context) for word in tested[LONGEST_CONTEXT:]) > LONGEST_CONTEXT - 256
    assert tested[200].context == text[:1_000]


def test_yields_every_word_with_the_text_before_it():
    assert list(held_out_words([(None, "See you, Bob’s <#> !"), (None, "😀"), (None, "ok")])) == [
        HeldOutWord("", "see"),
        HeldOutWord("See ", "you"),
        HeldOutWord("See you, ", "bob's"),
        HeldOutWord("", "ok"),
    ]
