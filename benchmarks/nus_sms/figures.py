"""The README's figures: read from what the benchmarks left, written between two marks, never by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- figures: written by `python -m benchmarks.nus_sms`, not by hand -->", "<!-- /figures -->"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def relative(share: float) -> str:
    return f"{100 * share:+.1f} %"


def write_figures(run: Path, bundle: Path) -> None:
    """Writes `figures.md` into the run and, where the README has the two marks, between them."""
    text = "\n\n".join([_shared(run), _personal(run), _sizes(run, bundle)]) + "\n"
    (run / "figures.md").write_text(text)
    readme = README.read_text()
    if BEGIN in readme and END in readme:
        before, rest = readme.split(BEGIN, 1)
        README.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.split(END, 1)[1]}")
    print(text)


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


def _shared(run: Path) -> str:
    trigram, evaluation = _read(run / "trigram.json"), _read(run / "train" / "evaluation.json")
    rows = ["| shared model, recall@1 / recall@3 | users in training | new phones |", "| --- | --- | --- |"]
    for title, aggregate in (("every word counts once", "pooled"), ("mean over users", "mean")):
        for name in ("Kneser-Ney trigram, centralized", "Thumbprint, federated"):
            cells = []
            for group in ("training", "new_phones"):
                if name.startswith("Kneser"):
                    found = [trigram[group][metric][aggregate] for metric in ("recall_at_1", "recall_at_3")]
                else:
                    shared = evaluation["groups"][group]["models"]["shared"]
                    found = [
                        shared["pooled"][metric] if aggregate == "pooled" else shared[metric]["mean"]
                        for metric in ("recall_at_1", "recall_at_3")
                    ]
                cells.append(" / ".join(map(percent, found)))
            rows.append(f"| {name}, {title} | {cells[0]} | {cells[1]} |")
    return "\n".join(rows)


def _personal(run: Path) -> str:
    report = _read(run / "report.json")
    shared, personal, gain = report["global"], report["personal"], report["gain"]
    rows = [
        f"| {report['clients_in_aggregates']} new phones | shared | personal |",
        "| --- | --- | --- |",
    ]
    for metric in ("recall_at_3", "recall_at_1", "keystroke_savings"):
        for aggregate in ("mean", "median", "p10", "worst"):
            values = (percent(model[metric][aggregate]) for model in (shared, personal))
            rows.append(f"| {metric}, {aggregate} | {' | '.join(values)} |")
    gained = f"{relative(gain['relative_mean'])} / {relative(gain['relative_median'])}"
    rows.append(f"| gain in recall_at_3, relative: mean / median | | {gained} |")
    touched = f"{percent(report['fraction_hurt'])} / {percent(report['fraction_helped'])}"
    rows.append(f"| fraction_hurt / fraction_helped | | {touched} |")
    return "\n".join(rows)


def _sizes(run: Path, bundle: Path) -> str:
    report, summary = _read(run / "report.json"), _read(run / "train" / "summary.json")
    prediction, adaptation = report["prediction_ms"], report["adaptation_seconds"]
    size = f"{bundle.stat().st_size / 2**20:.2f} MiB / {report['adapter_bytes']['max'] / 1024:.1f} KiB"
    rows = {
        "training": f"{summary['rounds']} rounds, {summary['seconds'] / 60:.0f} minutes",
        "bundle / adapter on disk": size,
        "prediction, in the simulation": f"p50 {prediction['p50']:.2f} ms, p99 {prediction['p99']:.2f} ms",
        "adaptation, in the simulation": f"p50 {adaptation['p50']:.2f} s, max {adaptation['max']:.2f} s",
    }
    return "\n".join(["| | measured |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())])
