from device_runtime.simulation.device import temporary_devices
from device_runtime.simulation.examples import Example, choose, pick_examples, typical_users


def example(shared_right, personal_right, number=0):
    return Example(f"{number} ", ["yes" if shared_right else "no"], ["yes" if personal_right else "no"], "yes")


def test_examples_keep_the_proportion_of_wins_and_losses():
    predictions = [example(i % 4 == 0, i % 4 != 0, i) for i in range(80)]  # 60 wins, 20 losses
    chosen = choose(predictions, 8)
    assert sum(e.won for e in chosen) == 6
    assert [int(e.context) for e in chosen] == sorted(int(e.context) for e in chosen)


def test_a_rare_loss_is_not_rounded_away():
    predictions = [example(False, True, i) for i in range(99)] + [example(True, False, 99)]
    assert [e.won for e in choose(predictions, 10)].count(False) == 1


def test_a_rare_win_is_not_rounded_away():
    predictions = [example(True, False, i) for i in range(99)] + [example(False, True, 99)]
    assert [e.won for e in choose(predictions, 10)].count(True) == 1


def test_words_both_or_neither_suggested_are_no_examples():
    assert choose([example(True, True), example(False, False)], 10) == []


def test_fewer_examples_where_there_are_fewer():
    assert len(choose([example(False, True), example(True, False), example(True, True)], 10)) == 2


def test_examples_are_of_typical_users_and_say_how_they_were_chosen(engine, users, report):
    found = pick_examples(temporary_devices(engine), users, report, count=4)
    assert 0 < len(found.items) <= 4
    assert all((example.typed in example.shared) != (example.typed in example.personal) for example in found.items)
    assert "nearest the median" in found.chosen
    assert pick_examples(temporary_devices(engine), users, report, count=4) == found


def test_typical_users_are_those_in_the_aggregates(report):
    assert set(typical_users(report)) == {"ann", "half", "bob"}
