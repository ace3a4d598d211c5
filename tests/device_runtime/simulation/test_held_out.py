from device_runtime.simulation.held_out import LONGEST_CONTEXT, HeldOutWord, TrialPlan, held_out_words, parts

MESSAGES = [(None, str(number)) for number in range(10)]


def texts(plan: TrialPlan) -> tuple[str, str]:
    learnt, tested = parts(MESSAGES, plan)
    return "".join(text for _, text in learnt), "".join(text for _, text in tested)


def test_the_last_messages_test_and_a_plan_may_leave_some_out():
    assert texts(TrialPlan(0.6)) == ("012345", "6789")
    assert texts(TrialPlan(0.6, seen=2)) == ("45", "6789")
    assert texts(TrialPlan(0.6, tested=3)) == ("012345", "678")
    assert texts(TrialPlan(0.6, seen=0, tested=100)) == ("", "6789")


def test_before_a_word_of_an_endless_message_stands_only_its_end():
    text = "word " * 10_000
    tested = list(held_out_words([(None, text)]))
    assert len(tested) == 10_000
    assert all(word.context.endswith("word ") for word in tested[1:])
    assert max(len(word.context) for word in tested) == LONGEST_CONTEXT
    assert min(len(word.context) for word in tested[LONGEST_CONTEXT:]) > LONGEST_CONTEXT - 256
    assert tested[200].context == text[:1_000]


def test_every_word_comes_with_the_text_before_it():
    assert list(held_out_words([(None, "See you, Bob’s <#> !"), (None, "😀"), (None, "ok")])) == [
        HeldOutWord("", "see"),
        HeldOutWord("See ", "you"),
        HeldOutWord("See you, ", "bob's"),
        HeldOutWord("", "ok"),
    ]
