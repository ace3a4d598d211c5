"""Shows and stores a benchmark's figures: a table, `runs/benchmarks/NAME.json`, and parts of Markdown pages."""

from __future__ import annotations

import importlib.metadata
import json
import operator
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from keyboard_model.storage.durable_files import atomic_write
from thumbprint.console import output

FOLDER = Path(__file__).parents[2] / "runs" / "benchmarks"
_PACKAGES = ("ai-edge-litert", "numpy", "tensorflow-cpu", "tensorflow-federated", "thumbprint")


@dataclass(frozen=True)
class Figure:
    """One measured value.

    Attributes:
        name: Its key in the JSON.
        says: What it is, in words.
        value: In `unit`.
        at_most, at_least: The target; None without one.
    """

    name: str
    says: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the value meets the target; None without one."""
        for bound, holds in ((self.at_most, operator.le), (self.at_least, operator.ge)):
            if bound is not None:
                return bool(holds(self.value, bound))
        return None

    @property
    def asked(self) -> str:
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}" if self.at_least is not None else ""


@dataclass(frozen=True)
class Machine:
    """Where and when a benchmark ran. `load`: the load averages of 1, 5 and 15 minutes before it began."""

    cpu: str
    cores: int
    load: tuple[float, float, float]
    date: str
    versions: dict[str, str]

    @classmethod
    def now(cls) -> Machine:
        """Describes this machine. Call it before the benchmark loads the machine."""
        return cls(_cpu(), len(os.sched_getaffinity(0)), os.getloadavg(), datetime.now(UTC).isoformat(), _versions())


def publish(name: str, figures: Sequence[Figure], samples: dict[str, Any], machine: Machine) -> None:
    """Prints and stores the figures; see `keep`."""
    keep(name, figures, samples, machine)
    output().print(_table(name, figures, machine))


def keep(name: str, figures: Sequence[Figure], samples: dict[str, Any], machine: Machine) -> None:
    """Writes `runs/benchmarks/NAME.json` atomically.

    Args:
        samples: The single measurements behind the figures, and the sizes of the benchmark.
    """
    values = {figure.name: {**asdict(figure), "reached": figure.reached} for figure in figures}
    path = FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"benchmark": name, "figures": values, "samples": samples, "machine": asdict(machine)}
    atomic_write(path, json.dumps(content, indent=2, allow_nan=False).encode() + b"\n")


def write_between(path: Path, begin: str, end: str, text: str) -> bool:
    """Replaces the text between two marks of a file. Returns whether the file has the marks."""
    content = path.read_text(encoding="utf-8")
    if begin not in content or end not in content:
        return False
    before, rest = content.split(begin, 1)
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")
    return True


def _table(name: str, figures: Sequence[Figure], machine: Machine) -> Table:
    caption = f"{machine.cpu}, {machine.cores} cores, load {machine.load[0]:.2f} before it began"
    table = Table(title=name, caption=caption, title_justify="left", caption_justify="left")
    for column in ("", "measured", "asked", "reached"):
        table.add_column(column, justify="right" if column == "measured" else "left")
    for figure in figures:
        reached = {None: "", True: "yes", False: "NO"}[figure.reached]
        table.add_row(figure.says, f"{_short(figure.value)} {figure.unit}".rstrip(), figure.asked, reached)
    return table


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # a phone's environment has no TensorFlow
            continue
    return versions
