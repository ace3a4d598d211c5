"""A model is tried in a child process: an intact one passes, and a damaged one is one clear error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import Bundle, load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.inference.model_trial import read_signatures_in_child, run_signatures, try_in_child
from tests.support.device_runtime.model_damage import without_inputs


def test_an_intact_model_passes(bundle: Bundle) -> None:
    run_signatures(Engine(bundle))
    try_in_child(bundle)
    assert read_signatures_in_child(bundle.model) == bundle.manifest.signatures


def test_a_model_that_ends_the_process_is_an_error(crashing_bundle: Path, tiny_public_key: Path) -> None:
    with pytest.raises(BundleError, match=r"crashing.bundle .* the model crashes the interpreter \(SIG"):
        try_in_child(load_bundle(crashing_bundle, tiny_public_key))


def test_an_operator_without_input_is_an_error(bundle: Bundle) -> None:
    damaged = replace(bundle, model=without_inputs(bundle.model, 0, -1))
    with pytest.raises(
        BundleError, match=r"cannot be run|crashes the interpreter"
    ):  # by what XNNPACK finds on the heap
        try_in_child(damaged)


@pytest.mark.parametrize(
    "damaged", [lambda model: model[: len(model) // 2], lambda model: bytes(len(model))], ids=["half", "zeros"]
)
def test_a_model_that_the_interpreter_refuses_is_an_error(bundle: Bundle, damaged: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BundleError, match="cannot be run"):
        run_signatures(Engine(replace(bundle, model=damaged(bundle.model))))


def test_a_model_that_cannot_be_read_is_an_error_of_the_child() -> None:
    with pytest.raises(BundleError, match="the model cannot be read"):
        read_signatures_in_child(b"noise" * 100)


@pytest.mark.parametrize("limit", [{"seconds": 0.05}, {"memory_bytes": 1024**2}], ids=str)
def test_a_model_that_exceeds_a_limit_is_an_error(bundle: Bundle, limit: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=r"did not finish within 0\.05 seconds|crashes the interpreter"):
        try_in_child(bundle, **limit)


def nan(array: np.ndarray) -> np.ndarray:
    return np.full_like(array, np.nan)


@pytest.mark.parametrize(
    ("method", "spoilt", "message"),
    [
        ("step", lambda found: (found[0] + 1.0, found[1]), "do not add up to 1"),
        ("step", lambda found: (nan(found[0]), found[1]), "do not add up to 1"),
        ("step", lambda found: (found[0], found[1]._replace(cell=nan(found[1].cell))), "no finite numbers"),
        ("evaluate", nan, "evaluate of the model gives no finite numbers"),
        ("adapt", lambda found: (found[0], float("nan")), "adapt of the model gives no finite numbers"),
        ("step", lambda found: (np.log(np.full(7, 1 / 7)), found[1]), "do not add up to 1"),
        ("step", lambda found: (found[0], found[1]._replace(cell=found[1].cell[:, 1:])), "step .* gives other sizes"),
        ("evaluate", lambda found: found[:, 1:], "evaluate of the model gives other sizes"),
        ("adapt", lambda found: (replace(found[0], bias=found[0].bias[1:]), found[1]), "adapt .* gives other sizes"),
    ],
)
def test_numbers_that_no_model_gives_are_an_error(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, method: str, spoilt: Callable[[Any], Any], message: str
) -> None:
    engine = Engine(bundle)
    intact = getattr(engine, method)
    monkeypatch.setattr(engine, method, lambda *args: spoilt(intact(*args)))
    with pytest.raises(BundleError, match=message):
        run_signatures(engine)


@pytest.mark.parametrize("method", ["adapt", "evaluate"])
def test_a_signature_that_runs_only_once_is_an_error(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    engine, calls = Engine(bundle), []
    intact = getattr(engine, method)

    def once(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise RuntimeError("failed to prepare")
        return intact(*args)

    monkeypatch.setattr(engine, method, once)
    with pytest.raises(BundleError, match="cannot be run: failed to prepare"):
        run_signatures(engine)
