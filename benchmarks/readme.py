"""The README's figures: read from what the benchmarks left in runs/, written between two marks, never by hand.

`python -m benchmarks.readme` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.marks import write_between
from benchmarks.results import FOLDER

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- figures: written by `python -m benchmarks.readme`, not by hand -->", "<!-- /figures -->"
RUN, COMPARISON = ROOT / "runs" / "nus_sms", ROOT / "runs" / "nus_sms-comparison"
GROUPS, METRICS = ("training", "new_phones"), ("recall_at_1", "recall_at_3")
MACHINE_BENCHMARKS = ("throughput", "phone", "service", "service_load")


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def relative(share: float) -> str:
    return f"{100 * share:+.1f} %"


def write_figures(run: Path = RUN) -> None:
    """Writes `figures.md` into the run; those of the real run go into the README as well, between the two marks."""
    text = "\n\n".join(part for part in (_shared(run), _personal(run), _compared(), _machine()) if part) + "\n"
    (run / "figures.md").write_text(text)
    if run.resolve() == RUN:
        write_between(README, BEGIN, END, text)
    print(text)


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


def _shared(run: Path) -> str:
    trigram = _read(run / "trigram.json")
    neural = _read(run / "train" / "evaluation.json")["groups"]
    phones = {"training": _read(run / "seen" / "report.json"), "new_phones": _read(run / "report.json")}
    rows = ["| shared model, recall@1 / recall@3 | users in training | new phones |", "| --- | --- | --- |"]
    for title, aggregate in (("every word counts once", "pooled"), ("mean over users", "mean")):
        found = {
            "Kneser-Ney trigram, centralized": [_of_trigram(trigram[group], aggregate) for group in GROUPS],
            "the neural model alone, federated": [
                _of_spreads(neural[group]["models"]["shared"], aggregate) for group in GROUPS
            ],
            "Thumbprint, federated, on the phone": [
                _of_spreads(phones[group]["global"], aggregate) for group in GROUPS
            ],
        }
        for name, groups in found.items():
            rows.append(f"| {name}, {title} | {' | '.join(' / '.join(map(percent, pair)) for pair in groups)} |")
    return "\n".join(rows)


def _of_trigram(found: Any, aggregate: str) -> list[float]:
    return [found[metric][aggregate] for metric in METRICS]


def _of_spreads(found: Any, aggregate: str) -> list[float]:
    pooled = aggregate == "pooled"
    return [found["pooled"][metric] if pooled else found[metric]["mean"] for metric in METRICS]


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


def _compared() -> str:
    """The methods on new phones, of a comparison that was run; nothing where none was."""
    path = COMPARISON / "report.json"
    if not path.exists():
        return ""
    report = _read(path)
    budget = report["comparison"]["budget"]
    rows = [
        f"| new phones; {budget['trials']} trials, {budget['rounds']} rounds a method | recall@3, mean (95 %) | median "
        "| p10 | worst | on global, mean / median | hurt | measured in |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    where = {method["name"]: method["where"] for method in report["comparison"]["methods"]}
    for row in report["summary"]["rows"]:
        if row["group"] == "new_phone":
            rows.append(_method_row(row, where[row["method"]]))
    return "\n".join(rows)


def _method_row(row: Any, where: str) -> str:
    recall, against = row["recall_at_3"], row["against_global"]
    interval = "" if recall["low"] is None else f" ({percent(recall['low'])} to {percent(recall['high'])})"
    cells = [percent(recall["mean"]) + interval, *(percent(recall[name]) for name in ("median", "p10", "worst"))]
    if against is None:  # the shared model itself
        cells += ["", ""]
    else:
        cells.append(f"{relative(against['relative_mean']['value'])} / {relative(against['relative_median'])}")
        cells.append(percent(against["fraction_hurt"]["value"]))
    cells.append({"phone": "phones", "tff": "TFF, neural model"}[where])
    return f"| `{row['method']}` | {' | '.join(cells)} |"


def _machine() -> str:
    """What the benchmarks of the machine measured, of those that were run."""
    rows = ["| figure | measured | asked | made by `python -m` |", "| --- | --- | --- | --- |"]
    for name in MACHINE_BENCHMARKS:
        path = FOLDER / f"{name}.json"
        for figure in _read(path)["figures"].values() if path.exists() else ():
            bounds = (("at most", figure["at_most"]), ("at least", figure["at_least"]))
            asked = " ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
            value = f"{figure['value']:,.3g}" if figure["value"] < 1000 else f"{figure['value']:,.0f}"
            rows.append(f"| {figure['says']} | {value} {figure['unit']} | {asked} | `benchmarks.{name}` |")
    return "\n".join(rows)


if __name__ == "__main__":
    write_figures()
