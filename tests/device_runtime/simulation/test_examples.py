from device_runtime.simulation.device import temporary_devices
from device_runtime.simulation.examples import Example, choose_examples, pick_examples, typical_users


def example(shared_right, personal_right, number=0):
    return Example(f"{number} ", ["yes" if shared_right else "no"], ["yes" if personal_right else "no"], "yes")


def test_keeps_the_proportion_of_wins_and_losses():
    predictions = [example(i % 4 == 0, i % 4 != 0, i) for i in range(80)]  # 60 wins, 20 losses
    chosen = choose_examples(predictions, 8)
    assert sum(e.won for e in chosen) == 6
    assert [int(e.context) for e in chosen] == sorted(int(e.context) for e in chosen)


def test_includes_a_rare_loss():
    predictions = [example(False, True, i) for i in range(99)] + [example(True, False, 99)]
    assert [e.won for e in choose_examples(predictions, 10)].count(False) == 1


def test_includes_a_rare_win():
    predictions = [example(True, False, i) for i in range(99)] + [example(False, True, 99)]
    assert [e.won for e in choose_examples(predictions, 10)].count(True) == 1


def test_leaves_out_words_that_both_or_neither_suggested():
    assert choose_examples([example(True, True), example(False, False)], 10) == []


def test_returns_fewer_examples_if_there_are_not_enough():
    assert len(choose_examples([example(False, True), example(True, False), example(True, True)], 10)) == 2


def test_picks_examples_of_typical_users_and_explains_the_choice(engine, users, report):
    examples = pick_examples(temporary_devices(engine), users, report, count=4)
    assert 0 < len(examples.items) <= 4
    assert all((example.typed in example.shared) != (example.typed in example.personal) for example in examples.items)
    assert "nearest to the median" in examples.explanation
    assert pick_examples(temporary_devices(engine), users, report, count=4) == examples


def test_typical_users_are_in_the_aggregates(report):
    assert set(typical_users(report)) == {"ann", "half", "bob"}
