"""A job's method in a bundle: its recipe, the adapters that phones start from, and its own rounds."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from device_runtime.bundle.loader import Bundle, load_bundle
from federated.algorithms import fine_tuning
from federated.algorithms.baselines import global_only
from federated.algorithms.registry import METHODS
from federated.default_mixing_weights import DEFAULT_MIXING_WEIGHTS
from federated.job import PersonalizationConfig
from federated.personalization import mixing_weights
from federated.personalization.client_states import ClientStateStore
from federated.personalization.method import DeviceArtifact, SharedModel
from federated.run import Run, RunError
from keyboard_model.model import adapter, cifg_lstm
from thumbprint.pipeline.export import ExportError, export_run, recipe_of

PARAMETERS = cifg_lstm.init(20, 4, 6, seed=0)
START = adapter.init(20, 4, 2, seed=0)


@pytest.fixture
def export(tiny_run: Path, tiny_keys: tuple[Path, Path], tmp_path: Path) -> Callable[..., Bundle]:
    """Exports a copy of the finished run with another personalization."""
    folder = shutil.copytree(tiny_run, tmp_path / "run")

    def exported(**personalization: object) -> Bundle:
        job = Run(folder).job()
        config = PersonalizationConfig.model_validate(job.personalization.model_dump() | personalization)
        path = tmp_path / "x.bundle"
        export_run(folder, path, tiny_keys[0], job.model_copy(update={"personalization": config}))
        return load_bundle(path, tiny_keys[1])

    return exported


def test_a_recipe_combines_settings_of_the_job_with_the_method_s_result() -> None:
    config = PersonalizationConfig(steps=3, learning_rate=0.7, gate={"margin": 2.0})
    part = DeviceArtifact(PARAMETERS, (START, START), "clusters")
    recipe = recipe_of(config, replace(fine_tuning.METHOD, name="clustered"), part)
    assert (recipe.method, recipe.algorithm, recipe.starts, recipe.constants) == ("clustered", "clusters", 2, {})
    assert (recipe.steps, recipe.learning_rate, recipe.gate.margin) == (3, 0.7, 2.0)
    constants = {"alpha": 0.25, "alpha_rate": 0.0}
    mixed = recipe_of(config, fine_tuning.METHOD, DeviceArtifact(PARAMETERS, (START,), "apfl", constants))
    assert mixed.constants == constants


def test_an_export_trains_the_weights_of_the_owner_s_words_once(
    export: Callable[..., Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing_weights, "ROUNDS", 3)
    history = {"mixing": "federated", "mixing_pull": 0.5}
    earlier = set((tmp_path / "run").glob("mixing-*.json"))
    trained = export(history=history).manifest.recipe.history.mixing
    assert trained is not None and trained != DEFAULT_MIXING_WEIGHTS
    (stored,) = set((tmp_path / "run").glob("mixing-*.json")) - earlier
    monkeypatch.setattr(mixing_weights, "build", None)  # a second training would fail
    assert export(history=history).manifest.recipe.history.mixing == trained
    assert export(history={"mixing": "pitman_yor"}).manifest.recipe.history.mixing is None
    assert export(method="user_history", history=history).manifest.recipe.history.mixing is None
    stored.write_text(json.dumps({"weights": [[0.5] * 13] * 5}))
    assert export(history=history).manifest.recipe.history.mixing == ((0.5,) * 13,) * 5
    for damaged in ("[[", "[[0.5]]", '{"weights": [[0.5]]}'):
        stored.write_text(damaged)
        with pytest.raises(RunError, match="is damaged: delete it, and export again"):
            export(history=history)


def test_only_methods_with_history_and_cache_give_the_owner_s_words_weight() -> None:
    config, part = PersonalizationConfig(), DeviceArtifact(PARAMETERS, (START,), "steps")
    with_both = recipe_of(config, replace(fine_tuning.METHOD, history=True, neural_cache=True), part).history
    numbers = config.history.model_dump(exclude={"mixing", "mixing_weights", "mixing_pull"})
    assert with_both.model_dump() == numbers | {"mixing": None}
    n_grams_alone = recipe_of(config, replace(fine_tuning.METHOD, history=True), part).history
    assert n_grams_alone.cache_weight == config.history.cache_weight
    assert not n_grams_alone.neural_cache.is_on
    without = recipe_of(config, fine_tuning.METHOD, part).history
    assert (without.cache_weight, without.concentration_2, without.concentration_3) == (0.0, math.inf, math.inf)
    assert not without.neural_cache.is_on


def test_a_method_without_training_has_no_steps() -> None:
    recipe = recipe_of(PersonalizationConfig(steps=9), global_only.METHOD, DeviceArtifact(PARAMETERS, (START,), "none"))
    assert (recipe.algorithm, recipe.steps, recipe.trains_nothing) == ("none", 0, True)


def test_a_method_without_rounds_needs_no_corpus(export: Callable[..., Bundle], tmp_path: Path) -> None:
    folder = Run(tmp_path / "run")
    folder.write_json("corpus.json", folder.read_json("corpus.json") | {"path": str(tmp_path / "gone.sqlite")})
    expected = SharedModel.of(folder.job(), folder.parameters()).adapter
    np.testing.assert_array_equal(export(method="fine_tuning").adapter_init.lora_a, expected.lora_a)


def test_trains_the_rounds_of_a_method_once(export: Callable[..., Bundle], tmp_path: Path) -> None:
    personalization = {"method": "ditto", "federated": {"rounds": 2, "clients_per_round": 2, "max_windows": 4}}
    first = export(**personalization)
    assert np.abs(first.adapter_init.bias).max() > 0, "the start is the result of the rounds"
    (kept,) = (tmp_path / "run" / "personal").glob("*/clients.sqlite")
    with ClientStateStore.open(kept) as states:
        stored = states.server()
    assert stored is not None and stored[0] == 2
    assert any(np.array_equal(part, first.adapter_init.bias) for part in stored[1])
    before = kept.read_bytes()
    assert export(**personalization).manifest.model_id == first.manifest.model_id
    assert kept.read_bytes() == before


def test_rejects_rounds_on_another_corpus(export: Callable[..., Bundle], tmp_path: Path) -> None:
    folder = Run(tmp_path / "run")
    folder.write_json("corpus.json", folder.read_json("corpus.json") | {"corpus_id": "0" * 64})
    with pytest.raises(RunError, match="is not the corpus"):
        export(method="ditto", federated={"rounds": 1})
    assert not (tmp_path / "x.bundle").exists()


def test_rejects_a_method_that_does_not_run_on_phones(
    export: Callable[..., Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off_phone = replace(global_only.METHOD, name="local_only", phone=None)
    monkeypatch.setattr(METHODS, "_methods", {**METHODS, "local_only": off_phone})
    with pytest.raises(ExportError, match=r"local_only does not run on a phone.*fine_tuning"):
        export(method="local_only")
    assert not (tmp_path / "x.bundle").exists()


def test_rejects_an_unknown_option(export: Callable[..., Bundle]) -> None:
    with pytest.raises(ValueError, match="options of fine_tuning: magic"):
        export(method="fine_tuning", options={"magic": 1})
