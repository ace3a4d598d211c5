"""What `thumbprint demo` prints when it is finished."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from device_runtime.simulation.examples import Examples
from device_runtime.simulation.report import load_report
from thumbprint.cli.commands.demo import demo_view, where_to_look
from thumbprint.console import output


def test_labels_figures_and_examples_as_synthetic_and_names_the_files(
    tiny_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = load_report(tiny_demo / "report.json")
    examples = TypeAdapter(Examples).validate_json((tiny_demo / "examples.json").read_bytes())
    output().print(demo_view(report, examples))
    printed = capsys.readouterr().out
    assert printed.count("SYNTHETIC") >= 2
    assert all(example.typed in printed for example in examples.items)
    hints = where_to_look(tiny_demo, report)
    assert hints.startswith("SYNTHETIC")
    assert str(tiny_demo / "gain.png") in hints
