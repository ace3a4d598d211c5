import json
from pathlib import Path

import pytest
import typer

from benchmarks.population import __main__ as population
from benchmarks.population.steps import STEPS, Cost, measure


def test_a_step_is_measured_in_a_process_of_its_own(tmp_path):
    steps = {step.name: step for step in STEPS}
    for name in ("generate", "split"):
        cost = measure(steps[name], tmp_path, 100)
        assert 0 < cost.seconds < 60
        assert 20e6 < cost.peak < 400e6  # without TensorFlow
    with pytest.raises(RuntimeError, match="`split` failed with 99 users"):
        measure(steps["split"], tmp_path, 99)


def test_the_table_has_each_step_by_the_number_of_users(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("benchmarks.measure.results.FOLDER", tmp_path)
    monkeypatch.setattr(population, "FOLDER", tmp_path)
    monkeypatch.setattr(population, "PAGE", tmp_path / "scale.md")
    (tmp_path / "scale.md").write_text("<!-- population --><!-- /population -->")
    monkeypatch.setattr(population, "measure", lambda step, folder, users: Cost(users / 100, 2_000_000 * users))
    population.main(users=[1000, 10_000], skip=["ngrams"])
    written = (tmp_path / "scale.md").read_text()
    assert "| users | 1,000 | 10,000 |" in written
    assert "| split the users | 10.0 s, 2,000 MB | 100.0 s, 20,000 MB |" in written
    assert "| n-grams of all training users | not measured | not measured |" in written
    figures = json.loads((tmp_path / "population-1000.json").read_text())["figures"]
    assert figures["split_peak"]["reached"] is False


def test_an_unknown_step_is_refused(tmp_path: Path):
    with pytest.raises(typer.BadParameter, match="no step is called sort"):
        population.main(users=[100], skip=["sort"])
