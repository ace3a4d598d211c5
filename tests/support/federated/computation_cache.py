"""Keeps the TFF computations that tests build, so that equal ones are traced and compiled once per process.

To trace and compile the rounds of a tiny model takes ten times as long as to run one. Computations have no state, so
tests can share them. The key of a computation is all that its builder receives. A test that replaces something that a
builder calls must `forget()` first.
"""

from __future__ import annotations

import functools
import pickle
import sys
from collections.abc import Callable
from typing import Any

BUILDERS = (
    "federated.evaluation.personal_model",
    "federated.evaluation.shared_model",
    "federated.personalization.personalization_process",
    "federated.training.fed_avg",
    "federated.training.ngram_counts",
    "federated.training.word_counts",
)
"""Modules whose `build` returns computations."""

_Build = Callable[..., Any]


class _ReadSettings:
    """Settings that remember which of them were read."""

    def __init__(self, settings: Any) -> None:
        self._settings, self.read = settings, dict[str, Any]()

    def __getattr__(self, name: str) -> Any:
        return self.read.setdefault(name, getattr(self._settings, name))


_kept: dict[bytes, Any] = {}
_kept_rounds: dict[bytes, list[tuple[dict[str, Any], Any]]] = {}


def forget() -> None:
    """Lets every computation be built again."""
    _kept.clear()
    _kept_rounds.clear()


def install() -> None:
    """Wraps the builders that are imported, and TFF's compiler, for the rest of the process."""
    modules = [module for name in BUILDERS if (module := sys.modules.get(name)) is not None]
    for module in modules:
        if hasattr(module.build, "__wrapped__"):
            continue
        wrap = _kept_by_settings_read if module.__name__.endswith("fed_avg") else _kept_by_arguments
        module.build = wrap(module.build)
    if modules:
        import tensorflow_federated as tff

        native = tff.backends.native
        if not hasattr(native.desugar_and_transform_to_native, "__wrapped__"):
            native.desugar_and_transform_to_native = functools.lru_cache(256)(native.desugar_and_transform_to_native)


def _kept_by_arguments(build: _Build) -> _Build:
    @functools.wraps(build)
    def kept(*args: Any, **kwargs: Any) -> Any:
        try:
            key = pickle.dumps((build.__module__, args, kwargs))
        except (pickle.PicklingError, AttributeError, TypeError):  # a function made in a test, for example
            return build(*args, **kwargs)
        if key not in _kept:
            _kept[key] = build(*args, **kwargs)
        return _kept[key]

    return kept


def _kept_by_settings_read(build: _Build) -> _Build:
    """Jobs that differ only in settings that the rounds do not read, like their number, have the same computations."""

    @functools.wraps(build)
    def kept(initial: Any, config: Any, bos: int, aggregator: Any = None) -> Any:
        if aggregator is not None:  # its noise has a secret of its own
            return build(initial, config, bos, aggregator)
        alternatives = _kept_rounds.setdefault(pickle.dumps((initial, bos)), [])
        for read, made in alternatives:
            if all(getattr(config, name) == value for name, value in read.items()):
                return made
        settings = _ReadSettings(config)
        made = build(initial, settings, bos)
        alternatives.append((settings.read, made))
        return made

    return kept
