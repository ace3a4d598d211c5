import json
from dataclasses import replace

import pytest

from thumbprint.pipeline.cached_steps import Step, StepsError, steps_in


@pytest.fixture
def source(tmp_path):
    (tmp_path / "in").write_text("1")
    return tmp_path / "in"


@pytest.fixture
def calls():
    return []


@pytest.fixture
def step(tmp_path, source, calls):
    def work(begun):
        calls.append(begun)
        (tmp_path / "out").write_text(source.read_text() + "!")

    return Step("double", {"by": 2}, ("in",), ("thumbprint.cli.commands",), ("out",), work)


def run(folder, step):
    with steps_in(folder) as steps:
        return steps.run(step)


def test_a_step_is_done_once(tmp_path, step, calls):
    assert run(tmp_path, step)
    assert not run(tmp_path, step)
    assert calls == [False]


@pytest.mark.parametrize(
    "change",
    [
        {"values": {"by": 3}},
        {"reads": ("in", "none")},
        {"packages": ("thumbprint.cli.commands", "api")},
    ],
)
def test_another_input_does_it_anew(tmp_path, step, calls, change):
    run(tmp_path, step)
    assert run(tmp_path, replace(step, **change))
    assert calls == [False, False]


def test_content_counts_not_existence(tmp_path, source, step, calls):
    run(tmp_path, step)
    source.write_text("2")
    assert run(tmp_path, step)
    source.touch()
    assert not run(tmp_path, step)
    for spoil in (lambda: (tmp_path / "out").write_text("?"), (tmp_path / "out").unlink):
        spoil()
        assert run(tmp_path, step)
        assert (tmp_path / "out").read_text() == "2!"
    assert calls == [False] * 4


def test_one_broken_off_goes_on_unless_its_inputs_changed(tmp_path, source, step, calls):
    def broken(begun):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, replace(step, work=broken))
    assert run(tmp_path, step)
    source.write_text("2")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, replace(step, work=broken))
    source.write_text("3")
    assert run(tmp_path, step)
    assert calls == [True, False]


@pytest.mark.parametrize("state", ["", "{", "[]", "null", '{"double": 1}', '{"double": {"inputs": 1}}'])
def test_a_damaged_state_knows_nothing(tmp_path, step, calls, state):
    run(tmp_path, step)
    (tmp_path / "steps.json").write_text(state)
    assert run(tmp_path, step)
    assert calls == [False, False]
    assert list(json.loads((tmp_path / "steps.json").read_text())) == ["double"]


def test_one_process_at_a_time(tmp_path):
    with steps_in(tmp_path / "new"), pytest.raises(StepsError, match="another process"), steps_in(tmp_path / "new"):
        pass


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StepsError, match="cannot write"), steps_in(tmp_path / "file"):
        pass
