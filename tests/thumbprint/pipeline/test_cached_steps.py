"""Steps run once for the same inputs."""

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


def test_runs_a_step_once(tmp_path, step, calls):
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
def test_repeats_a_step_after_a_change_of_its_inputs(tmp_path, step, calls, change):
    run(tmp_path, step)
    assert run(tmp_path, replace(step, **change))
    assert calls == [False, False]


def test_compares_the_contents_of_files(tmp_path, source, step, calls):
    run(tmp_path, step)
    source.write_text("2")
    assert run(tmp_path, step)
    source.touch()
    assert not run(tmp_path, step)
    for damage in (lambda: (tmp_path / "out").write_text("?"), (tmp_path / "out").unlink):
        damage()
        assert run(tmp_path, step)
        assert (tmp_path / "out").read_text() == "2!"
    assert calls == [False] * 4


def test_continues_an_interrupted_step_unless_its_inputs_changed(tmp_path, source, step, calls):
    def interrupted(begun):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, replace(step, work=interrupted))
    assert run(tmp_path, step)
    source.write_text("2")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, replace(step, work=interrupted))
    source.write_text("3")
    assert run(tmp_path, step)
    assert calls == [True, False]


@pytest.mark.parametrize("state", ["", "{", "[]", "null", '{"double": 1}', '{"double": {"inputs": 1}}'])
def test_repeats_all_steps_after_damage_to_the_state(tmp_path, step, calls, state):
    run(tmp_path, step)
    (tmp_path / "steps.json").write_text(state)
    assert run(tmp_path, step)
    assert calls == [False, False]
    assert list(json.loads((tmp_path / "steps.json").read_text())) == ["double"]


def test_rejects_a_second_process(tmp_path):
    with steps_in(tmp_path / "new"), pytest.raises(StepsError, match="another process"), steps_in(tmp_path / "new"):
        pass


def test_rejects_a_folder_that_cannot_be_created(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StepsError, match="cannot write"), steps_in(tmp_path / "file"):
        pass
