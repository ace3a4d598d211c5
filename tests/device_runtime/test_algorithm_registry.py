"""Device algorithms are found in their files, and recipes are checked against their declarations."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from device_runtime import algorithm_registry
from device_runtime.adaptation.algorithms import fine_tuning, interpolation
from device_runtime.algorithm_registry import algorithm_named, algorithms


def test_the_names_in_signed_bundles_stay_valid() -> None:
    names = {"none", "steps", "clusters", "interpolate", "apfl", "marginals", "mapper", "fed_em"}
    assert set(algorithms()) == names
    assert all(algorithm.name == name for name, algorithm in algorithms().items())


def test_a_new_file_registers_a_new_algorithm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_algorithms").mkdir()
    (tmp_path / "own_algorithms" / "__init__.py").touch()
    (tmp_path / "own_algorithms" / "own.py").write_text(
        "from device_runtime.algorithm_registry import DeviceAlgorithm\n"
        "ALGORITHMS = (DeviceAlgorithm('own', None, constants={'alpha': (0, 1)}),)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(algorithm_registry, "_PACKAGE", "own_algorithms")
    found = algorithm_registry.algorithms.__wrapped__()
    assert found["own"].constants == {"alpha": (0, 1)}
    for name in ("own_algorithms", "own_algorithms.own"):
        sys.modules.pop(name)


def test_rejects_two_algorithms_with_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolation, "ALGORITHMS", fine_tuning.ALGORITHMS[-1:])
    with pytest.raises(ValueError, match="two device algorithms are named 'steps'"):
        algorithm_registry.algorithms.__wrapped__()


def test_rejects_an_unknown_algorithm_and_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no device algorithm 'magic': choose one of .*steps"):
        algorithm_named("magic")


@pytest.mark.parametrize(
    ("constants", "starts", "message"),
    [
        ({"alpha": 0.5}, 1, r"apfl needs the constants \['alpha', 'alpha_rate'\], but the recipe has \['alpha'\]"),
        ({"alpha": 1.5, "alpha_rate": 0.0}, 1, "alpha of apfl is 1.5, but it must be from 0 to 1"),
        ({"alpha": float("nan"), "alpha_rate": 0.0}, 1, "alpha of apfl is nan"),
        ({"alpha": 0.5, "alpha_rate": 0.0}, 2, "apfl needs exactly one start, but the recipe has 2"),
    ],
)
def test_rejects_a_recipe_that_does_not_match_the_declaration(
    constants: dict[str, float], starts: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        algorithm_named("apfl").check(constants, starts)
