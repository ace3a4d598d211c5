from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from federated.algorithms import registry
from federated.algorithms.baselines import global_only
from federated.algorithms.registry import MethodError, MethodRegistry
from federated.job import Job, JobError

IN_JOBS = {
    *("global_only", "local_only", "centralized", "fine_tuning", "ditto", "fed_per", "fed_recon", "per_fedavg", "apfl"),
    *("mixture", "clustered", "multi_task", "marginals", "user_history", "thumbprint"),
    *("fed_rep", "pfedme", "fed_babu", "fed_em", "mapper"),
}
"""The names that job files and reports have used so far: they stay valid."""


def with_entry_point(value: str, monkeypatch: pytest.MonkeyPatch, name: str = "own") -> MethodRegistry:
    point = importlib.metadata.EntryPoint(name, value, registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: (point,))
    return MethodRegistry()


def test_the_names_used_in_job_files_stay_valid() -> None:
    methods = MethodRegistry()
    assert set(methods) >= IN_JOBS
    assert all(methods[name].name == name for name in methods)


def test_every_module_with_a_method_is_registered() -> None:
    folder = Path(registry.__file__).parent
    modules = [path for path in folder.rglob("*.py") if "\nMETHOD = Method(" in path.read_text(encoding="utf-8")]
    assert len(modules) == len(MethodRegistry())


def test_a_registered_method_is_found_by_its_name() -> None:
    methods = MethodRegistry()
    own = methods.register(replace(global_only.METHOD, name="own"))
    assert methods.named("own") is own
    assert list(methods)[-1] == "own"


def test_an_unknown_method_is_reported_with_the_known_ones() -> None:
    with pytest.raises(JobError, match=r"^personalization\.method: there is no method 'magic'.*apfl.*thumbprint"):
        MethodRegistry().named("magic")


def test_rejects_a_name_that_is_already_registered() -> None:
    with pytest.raises(MethodError, match=r"'ditto' is already taken by federated\.algorithms\.regularized\.ditto"):
        MethodRegistry().register(replace(global_only.METHOD, name="ditto"))


@pytest.mark.parametrize("name", ["", "Own", "../up", "two words", "a-b"])
def test_rejects_a_name_that_is_not_usable_as_a_file_name(name: str) -> None:
    with pytest.raises(MethodError, match="must be lower-case letters"):
        MethodRegistry().register(replace(global_only.METHOD, name=name))


def test_rejects_an_object_that_is_not_a_method() -> None:
    with pytest.raises(MethodError, match="not a personalization method but a str"):
        MethodRegistry().register("ditto")  # type: ignore[arg-type]


def test_an_entry_point_adds_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(global_only, "OWN", replace(global_only.METHOD, name="own"), raising=False)
    methods = with_entry_point("federated.algorithms.baselines.global_only:OWN", monkeypatch)
    assert methods["own"].title == global_only.METHOD.title


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_package:METHOD", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_package'"),
        ("federated.job:METHOD", "cannot be loaded: AttributeError"),
        ("federated.job:Job", "is not a personalization method but a ModelMetaclass"),
        ("federated.algorithms.regularized.ditto:METHOD", "'ditto' is already taken"),
    ],
)
def test_an_unusable_entry_point_is_reported_by_name(value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    methods = with_entry_point(value, monkeypatch)
    for _ in range(2):  # the second attempt starts from the beginning
        with pytest.raises(MethodError, match=r"the entry point 'own' of an unknown package") as caught:
            methods.named("ditto")
        assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_job_is_read_without_tensorflow_or_any_method() -> None:
    code = (
        "import sys, federated.job as job; "
        "job.Job.model_validate({'personalization': {'method': 'of_another_package'}}); "
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'federated.algorithms.registry')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_training_rejects_an_unknown_method_before_it_writes_anything(tmp_path: Path) -> None:
    from federated.training.train_run import train

    job = Job.model_validate({"personalization": {"method": "magic"}})
    with pytest.raises(JobError, match="there is no method 'magic'"):
        train(job, tmp_path / "corpus.sqlite", tmp_path / "run")
    assert not (tmp_path / "run").exists()
