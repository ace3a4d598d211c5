"""The tables of docs/results.md and of the README, from the results of the benchmarks in runs/.

`python -m benchmarks.results_page` writes each block of tables between its marks in the two pages. A block for which a
benchmark has no result yet stays as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.measure.results import FOLDER, write_between

ROOT = Path(__file__).parents[1]
RESULTS, README = ROOT / "docs" / "results.md", ROOT / "README.md"
RUN, COMPARISON = ROOT / "runs" / "nus_sms", ROOT / "runs" / "nus_sms-base-comparison"
OTHER_RUNS = {
    "the web chat (`chitchat`)": ROOT / "runs" / "chitchat",
    "the technical chat (`irc`)": ROOT / "runs" / "irc",
}
"""The runs of `benchmarks.five_folds` that share a table, by title."""
GROUPS = {"training": "users in training", "new_phones": "new phones"}
METRICS = ("recall_at_1", "recall_at_3")
COMPARED = {"new_phone": "new phones", "seen": "users in training"}
MODELS = {
    "kenlm": "KenLM trigram, centralized (not publishable: it has the phrases of single users)",
    "publishable": "Kneser-Ney trigram of what two users or more typed, centralized",
    "neural": "the neural model alone, federated",
    "thumbprint": "Thumbprint, federated, on the phone",
}
"""The titles of the models in `figures.json` of `benchmarks.five_folds`."""
MACHINE_BENCHMARKS = ("throughput", "phone", "service", "service_load")
# Rows of the README's table of costs: benchmark, figure, title.
README_FIGURES = (
    ("throughput", "over_plain", "federated training speed / plain TensorFlow, median"),
    ("phone", "predict_p50", "prediction of 3 words on the phone, p50"),
    ("phone", "adapt", "one adaptation on the phone, 10 steps on 500 words, median"),
    ("phone", "peak_memory", "phone process, peak resident memory"),
    ("phone", "bundle", "bundle"),
)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def with_interval(figure: Any, sign: str = "") -> str:
    """Formats an `Estimate` and its 95 % interval, if it has one."""
    value = f"{100 * figure['value']:{sign}.1f} %"
    return value if figure["low"] is None else f"{value} ({_range(figure, sign)})"


def mean_with_interval(spread: Any) -> str:
    """Formats the mean of a `Spread` and its 95 % interval, if it has one."""
    return with_interval(_mean_of(spread))


def points(figure: Any) -> str:
    """Formats a difference of two shares in percentage points."""
    value = f"{100 * figure['value']:+.1f}"
    if figure["low"] is None:
        return value
    return f"{value} ({100 * figure['low']:+.1f} to {100 * figure['high']:+.1f})"


def _mean_of(spread: Any) -> Any:
    """Returns the mean of a `Spread` as an `Estimate`."""
    return {**spread, "value": spread["mean"]}


def _range(figure: Any, sign: str) -> str:
    return f"{100 * figure['low']:{sign}.1f} to {100 * figure['high']:{sign}.1f} %"


def likely(report: Any) -> str:
    """Formats how many users are hurt and helped with a probability of at least 0.9."""
    return " / ".join(with_interval(report[f"likely_{what}"]) for what in ("hurt", "helped"))


def raw_shares(report: Any) -> str:
    """Formats the shares of users who lose and who gain."""
    return f"{percent(report['fraction_hurt'])} / {percent(report['fraction_helped'])}"


def marks(block: str) -> tuple[str, str]:
    """Returns the marks before and after a block of tables."""
    return f"<!-- {block}: written by `python -m benchmarks.results_page`, not by hand -->", f"<!-- /{block} -->"


def write_figures(run: Path = RUN) -> None:
    """Writes `figures.md` into the run; the tables of the real runs also go into docs/results.md and the README."""
    others = {"corpora": _corpora(), "comparison": _compared(), "machine": _machine()}
    text = "\n\n".join(block for block in (_figures_of(run), *others.values()) if block) + "\n"
    (run / "figures.md").write_text(text)
    print(text)
    if run in (RUN, *OTHER_RUNS.values()):
        of_readme = {"results": _summary(), "costs": _costs()}
        for page, blocks in ((RESULTS, {"figures": _figures_of(RUN), **others}), (README, of_readme)):
            for name, block in blocks.items():
                if block:
                    write_between(page, *marks(name), block + "\n")


def _is_finished(run: Path) -> bool:
    return (run / "figures.json").exists()


def _figures_of(run: Path) -> str:
    """The shared and the personal model of a run; empty if it is not finished."""
    return _shared(run) + "\n\n" + _personal(run) if _is_finished(run) else ""


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


def _shared(run: Path) -> str:
    figures = _read(run / "figures.json")
    groups = [group for group in GROUPS if group in figures["thumbprint"]]
    users = [f"{figures['thumbprint'][group]['users']} {GROUPS[group]}" for group in groups]
    rows = [
        f"| shared model, recall@1 / recall@3 (95 %) | {' | '.join(users)} |",
        f"| {' | '.join(['---'] * (1 + len(groups)))} |",
    ]
    for title, aggregate in (("every word counts once", "pooled"), ("mean over users", "mean")):
        for name in (name for name in MODELS if name in figures):
            cells = (" / ".join(map(with_interval, estimates(figures[name][group], aggregate))) for group in groups)
            rows.append(f"| {MODELS[name]}, {title} | {' | '.join(cells)} |")
        differences = (figures["thumbprint"][group]["over_baseline"] for group in groups)
        cells = (" / ".join(map(points, estimates(difference, aggregate))) for difference in differences)
        rows.append(f"| Thumbprint minus KenLM, percentage points, {title} | {' | '.join(cells)} |")
    return "\n".join(rows)


def estimates(recalls: Any, aggregate: str) -> list[Any]:
    """Returns the estimates of `METRICS`, from what `benchmarks.measure.recalls` returns.

    Args:
        recalls: Of a model, or the differences of two.
        aggregate: "pooled", or "mean" over users.
    """
    if aggregate == "pooled":
        return [recalls["pooled"][metric] for metric in METRICS]
    return [_mean_of(recalls[metric]) for metric in METRICS]


def _personal(run: Path) -> str:
    report = _read(run / "new_phones.json")
    shared, personal, gain = report["global"], report["personal"], report["gain"]
    rows = [
        f"| {report['clients_in_aggregates']} new phones | shared | personal |",
        "| --- | --- | --- |",
    ]
    for metric in ("recall_at_3", "recall_at_1", "keystroke_savings", "keystroke_savings_with_taps"):
        means = (mean_with_interval(model[metric]) for model in (shared, personal))
        rows.append(f"| {metric}, mean (95 %) | {' | '.join(means)} |")
        for aggregate in ("median", "p10"):
            values = (percent(model[metric][aggregate]) for model in (shared, personal))
            rows.append(f"| {metric}, {aggregate} | {' | '.join(values)} |")
    learning_on = mean_with_interval(report["prequential"]["recall_at_3"])
    rows.append(f"| recall_at_3 of phones that count each message after its test, mean (95 %) | | {learning_on} |")
    gained = " / ".join(with_interval(gain[f"relative_{average}"], "+") for average in ("mean", "median"))
    rows.append(f"| gain in recall_at_3, relative: mean / median | | {gained} |")
    rows.append(f"| likely hurt / likely helped, of all phones | | {likely(report)} |")
    rows.append(f"| raw share hurt / helped, chance included | | {raw_shares(report)} |")
    rows += [f"| {title} | | {value} |" for title, value in _over_user_history(run).items()]
    return "\n".join(rows)


def _over_user_history(run: Path) -> dict[str, str]:
    """The personal keyboard compared with the owner's n-grams alone on the same phones; empty if not measured."""
    path = run / "over_user_history.json"
    if not path.exists():
        return {}
    report = _read(path)
    gain = report["gain"]
    return {
        "recall@3 with the owner's n-grams alone (`user_history`), mean": mean_with_interval(
            report["global"]["recall_at_3"]
        ),
        "gain over these, points": points(_mean_of(gain["recall_at_3"])),
        "gain over these, relative: mean": with_interval(gain["relative_mean"], "+"),
        "likely worse / likely better than with these, of all phones": likely(report),
    }


def _corpora() -> str:
    """The most important rows of the other corpora, a column for each; empty if none is finished."""
    columns = {title: _column(run) for title, run in OTHER_RUNS.items() if _is_finished(run)}
    if not columns:
        return ""
    rows = [f"| recall@3 on new phones | {' | '.join(columns)} |", f"| {' | '.join(['---'] * (1 + len(columns)))} |"]
    rows += [
        f"| {name} | {' | '.join(column[name] for column in columns.values())} |"
        for name in next(iter(columns.values()))
        if all(name in column for column in columns.values())
    ]
    return "\n".join(rows)


def _column(run: Path) -> dict[str, str]:
    figures, report = _read(run / "figures.json"), _read(run / "new_phones.json")
    own, other = (figures[name]["new_phones"] for name in ("thumbprint", "kenlm"))
    gain = report["gain"]
    return {
        "new phones / words tested": f"{own['users']} / {own['words']:,}",
        "KenLM trigram, mean over users (95 %)": mean_with_interval(other["recall_at_3"]),
        "shared, mean over users": mean_with_interval(own["recall_at_3"]),
        "shared minus KenLM, points": points(_mean_of(own["over_baseline"]["recall_at_3"])),
        "shared, every word counts once": with_interval(own["pooled"]["recall_at_3"]),
        "personal, mean over users": mean_with_interval(report["personal"]["recall_at_3"]),
        "personal, counting each message after its test": mean_with_interval(report["prequential"]["recall_at_3"]),
        "gain, points": points(_mean_of(gain["recall_at_3"])),
        "gain, relative: mean": with_interval(gain["relative_mean"], "+"),
        "gain, relative: median": with_interval(gain["relative_median"], "+"),
        "likely hurt / likely helped, of all phones": likely(report),
        "raw share hurt / helped, chance included": raw_shares(report),
        **_over_user_history(run),
    }


def _compared() -> str:
    """The methods on new phones and on users in training; empty if no comparison was run."""
    path = COMPARISON / "report.json"
    if not path.exists():
        return ""
    report = _read(path)
    tables = [_methods(report, group, title) for group, title in COMPARED.items()]
    return "\n\n".join(table for table in tables if table)


def _methods(report: Any, group: str, title: str) -> str:
    """The methods on the users of a group."""
    measured = [row for row in report["summary"]["rows"] if row["group"] == group]
    if not measured:
        return ""
    budget = report["comparison"]["budget"]
    users = max(row["users"] for row in measured)
    folds = "one fold" if budget["folds"] == 1 else f"{budget['folds']} folds"
    rows = [
        f"| {users} {title} in {folds}; {budget['trials']} trials, {budget['rounds']} rounds a method "
        "| recall@3, mean (95 %) | learning on | median | p10 | gain over the shared model, mean / median (95 %) "
        "| likely hurt | hurt, raw | measured in |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    where = {
        method["name"]: method["where" if group == "new_phone" else "seen_where"]
        for method in report["comparison"]["methods"]
    }
    rows += [_method_row(row, where[row["method"]]) for row in measured]
    return "\n".join(rows)


def _method_row(row: Any, where: str) -> str:
    recall, against = row["recall_at_3"], row["against_global"]
    learning_on = row["prequential_recall_at_3"]["mean"]
    cells = [mean_with_interval(recall), "" if learning_on is None else percent(learning_on)]
    cells += [percent(recall[name]) for name in ("median", "p10")]
    if against is None:  # the shared model itself
        cells += ["", "", ""]
    else:
        cells.append(" / ".join(with_interval(against[f"relative_{average}"], "+") for average in ("mean", "median")))
        compared = against["users_tested"]
        cells.append(f"{len(against['users_likely_hurt'])} of {compared}" if compared else "")
        cells.append(percent(against["fraction_hurt"]["value"]))
    cells.append({"phone": "phones", "tff": "TFF, neural model"}[where])
    return f"| `{row['method']}` | {' | '.join(cells)} |"


def _machine() -> str:
    """The figures of the benchmarks of the machine; empty if one of them was not run."""
    if not all(map(_figures, MACHINE_BENCHMARKS)):
        return ""
    rows = ["| figure | measured | asked | made by `python -m` |", "| --- | --- | --- | --- |"]
    for name in MACHINE_BENCHMARKS:
        for figure in _figures(name).values():
            rows.append(f"| {figure['says']} | {_measured(figure)} | {_asked(figure)} | `benchmarks.{name}` |")
    return "\n".join(rows)


def _summary() -> str:
    """The README's table of the main corpus: the most important rows of the others; empty if it is not measured."""
    if not _is_finished(RUN):
        return ""
    figures, report = _read(RUN / "figures.json"), _read(RUN / "new_phones.json")
    rows = ["| | measured | compare with |", "| --- | --- | --- |"]
    for group in ("new_phones", "training"):
        own, other = (figures[name][group] for name in ("thumbprint", "kenlm"))
        recalls = [with_interval(model["pooled"]["recall_at_3"]) for model in (own, other)]
        difference = points(own["over_baseline"]["pooled"]["recall_at_3"])
        rows.append(
            f"| shared model on {own['users']} {GROUPS[group]}, recall@3 over all words (95 %) | {recalls[0]} "
            f"| trigram {recalls[1]}; difference {difference} points |"
        )
    shared, personal = (mean_with_interval(report[model]["recall_at_3"]) for model in ("global", "personal"))
    phones_counted = f"{report['clients_in_aggregates']} new phones"
    rows.append(f"| personalized, recall@3, mean over {phones_counted} (95 %) | {personal} | shared model {shared} |")
    learning_on = mean_with_interval(report["prequential"]["recall_at_3"])
    rows.append(f"| the same, counting each message after its test (95 %) | {learning_on} | |")
    rows.append(f"| of these phones, likely hurt / helped (95 %) | {likely(report)} | raw: {raw_shares(report)} |")
    return "\n".join(rows)


def _costs() -> str:
    """The README's table of the machine; empty if one of its benchmarks was not run."""
    if not all(_figures(name) for name, _, _ in README_FIGURES):
        return ""
    figures = ((title, _figures(name)[key]) for name, key, title in README_FIGURES)
    rows = [f"| {title} | {_measured(figure)} | {_asked(figure)} |" for title, figure in figures]
    return "\n".join(["| on 2 CPU cores | measured | asked |", "| --- | --- | --- |", *rows])


def _figures(name: str) -> dict[str, Any]:
    """The figures of one benchmark of the machine by their keys; empty if it was not run."""
    path = FOLDER / f"{name}.json"
    figures: dict[str, Any] = _read(path)["figures"] if path.exists() else {}
    return figures


def _measured(figure: Any) -> str:
    value = f"{figure['value']:,.3g}" if figure["value"] < 1000 else f"{figure['value']:,.0f}"
    return f"{value} {figure['unit']}".rstrip()


def _asked(figure: Any) -> str:
    bounds = (("at most", figure["at_most"]), ("at least", figure["at_least"]))
    return " ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


if __name__ == "__main__":
    write_figures()
