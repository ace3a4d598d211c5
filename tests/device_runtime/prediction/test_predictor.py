"""What was typed, taken apart."""

from __future__ import annotations

import pytest

from device_runtime.prediction.predictor import TypedContext


@pytest.mark.parametrize(
    ("context", "prefix", "before", "typed"),
    [
        ("see you", "", ["see", "you"], ""),
        ("see you", "To", ["see", "you"], "To"),
        ("see", "you to", ["see", "you"], "to"),
        ("see", "you ", ["see", "you"], ""),
        ("see", "you.", ["see", "you", "."], ""),
        ("see", " to", ["see"], "to"),
        ("", "", [], ""),
        ("", "   ", [], ""),
        ("see", "'", ["see"], "'"),
        ("see", "don’", ["see"], "don'"),
        ("ok \N{GRINNING FACE}", "u\u0308b", ["ok", ";"], "üb"),
        ("<URL> ok", "", ["<#>", "ok"], ""),
    ],
)
def test_context_and_prefix(context: str, prefix: str, before: list[str], typed: str) -> None:
    split = TypedContext.of(context, prefix)
    assert ([unit.text for unit in split.before], split.prefix) == (before, typed)
