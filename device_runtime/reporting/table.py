"""The report of a simulation in words: formatted figures, sentences, and the table that the terminal shows.

The page, the pictures and the other reports use the same formats.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from device_runtime.simulation.report import Report
from keyboard_model.metrics import Estimate, Spread
from keyboard_model.user_posterior import SURE

DASH = "–"
"""Stands in place of a missing figure."""
COLUMNS = ("median", "p10", "std")
"""Of a `Spread`, beside the mean and its interval."""
COLUMN_TITLES = ("mean [95 %]", "median", "weakest tenth", "std")
LEARNING_ON = "personal, learning on"
"""The personal keyboard in the prequential test: it counts each message after it was tested."""
METRIC_TITLES = {
    "recall_at_3": "the next word is among the 3 shown",
    "recall_at_1": "the next word is the first shown",
    "keystroke_savings": "characters you need not type, taps are free",
    "keystroke_savings_with_taps": "keys you save, a tap costs one",
}


def percent(value: float | None, digits: int = 1) -> str:
    """Formats a share: `0.247` as `24.7 %`."""
    return DASH if value is None else f"{100 * value:.{digits}f} %"


def points(value: float | None) -> str:
    """Formats a difference of two shares in percentage points, with its sign."""
    return DASH if value is None else f"{100 * value:+.1f}"


def interval(low: float | None, high: float | None, signed: bool = False) -> str:
    """Formats a 95 % interval of shares in percent, such as `[12.1, 15.0]`; empty if there is no interval."""
    if low is None or high is None:
        return ""
    sign = "+" if signed else ""
    return f"[{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def relative_gain(estimate: Estimate | None) -> str:
    """Formats a relative gain in percent and its interval."""
    if estimate is None:
        return DASH
    return f"{100 * estimate.value:+.1f} % {interval(estimate.low, estimate.high, signed=True)}".strip()


def figure(value: float | None, unit: str) -> str:
    """Formats a measured value with its unit, to three significant digits."""
    return DASH if value is None else f"{value:.3g} {unit}"


def size(count: int | None) -> str:
    """Formats a number of bytes in KiB."""
    return DASH if count is None else f"{count / 1024:.1f} KiB"


def users(count: int) -> str:
    return "1 user" if count == 1 else f"{count:,} users"


def phones(count: int) -> str:
    return "1 phone" if count == 1 else f"{count:,} phones"


def synthetic_notice(corpus: bool, model: bool, who: str) -> str | None:
    """Returns the notice above figures that come from generated messages, or None if all messages are real.

    Args:
        corpus: The corpus is synthetic.
        model: The model was trained on a synthetic corpus.
        who: The real users, if only the model is synthetic.
    """
    if corpus:
        return "SYNTHETIC: a program made these messages up. The figures show that it works, not how well it would do."
    if model:
        return f"SYNTHETIC MODEL: the model was trained on messages that a program made up; {who} are real."
    return None


def spread_cells(spread: Spread) -> Sequence[str]:
    """Returns the figures of one metric in the order of `COLUMN_TITLES`."""
    mean = f"{percent(spread.mean)} {interval(spread.low, spread.high)}".strip()
    return [mean, *(percent(getattr(spread, column)) for column in COLUMNS)]


def metric_rows(report: Report, metric: str) -> list[tuple[str, Sequence[str]]]:
    """Returns one metric's rows: the name of the keyboard and its `spread_cells`."""
    keyboards = {"shared": report.shared, "personal": report.personal, LEARNING_ON: report.prequential}
    spreads = {name: getattr(keyboard, metric, None) for name, keyboard in keyboards.items()}
    return [(name, spread_cells(spread)) for name, spread in spreads.items() if spread]


def gain_rows(report: Report) -> list[tuple[str, Sequence[str]]]:
    """Returns the rows of the users' gain in recall_at_3: the name of the keyboard and the gain in points."""
    rows = [("personal", _gain_cells(report.gain.recall_at_3))]
    if report.prequential:
        rows.append((LEARNING_ON, _gain_cells(report.prequential.gain.recall_at_3)))
    return rows


def _gain_cells(gain: Spread) -> Sequence[str]:
    """Returns points in the order of `COLUMN_TITLES`. A std has no sign."""
    mean = f"{points(gain.mean)} {interval(gain.low, gain.high, signed=True)}".strip()
    return [mean, points(gain.median), points(gain.p10), points(gain.std).removeprefix("+")]


def notice_of(report: Report) -> str | None:
    """Returns the notice above all figures if messages were generated, or None for real messages."""
    return synthetic_notice(report.corpus.synthetic, report.bundle.synthetic, "the users tested")


def meaning(report: Report) -> str:
    """Returns the result of the report in a sentence or two."""
    shared, personal = report.shared.recall_at_3.mean, report.personal.recall_at_3.mean
    if shared is None or personal is None:
        return (
            f"No user had {report.min_messages} messages and a word to test, so there is nothing to compare: "
            "lower --min-messages or give a larger corpus."
        )
    return (
        f"Of 100 words, the shared keyboard shows {100 * shared:.1f} before they are typed, the personal one "
        f"{100 * personal:.1f} ({relative_gain(report.gain.relative_mean)}){learning_on(report)}. "
        f"{helped_and_hurt(report)}"
    )


def learning_on(report: Report) -> str:
    """Returns what the personal keyboard shows if it goes on counting, as a part of a sentence."""
    mean = report.prequential.recall_at_3.mean if report.prequential else None
    return "" if mean is None else f", and {100 * mean:.1f} if it goes on counting messages"


def helped_and_hurt(report: Report) -> str:
    """Returns sentences on the users who are likely helped and hurt, and on the raw shares."""
    if report.likely_helped is None or report.likely_hurt is None:
        return ""
    count = report.clients_in_aggregates
    helped, hurt = (round(share.value * count) for share in (report.likely_helped, report.likely_hurt))
    return (
        f"With a probability of at least {SURE:.1f} it helps {helped:,} and hurts {hurt:,} of {users(count)}, by more "
        f"than half a word in 100. {percent(report.fraction_hurt, 0)} lose a word or more, but chance alone does that "
        "to some."
    )


def cost(report: Report) -> str:
    """Returns a sentence on the cost for a phone: storage and time."""
    return (
        f"Half of the phones store {size(report.adapter_bytes.p50)} or less for it (at most "
        f"{size(report.adapter_bytes.max)}), learn in {figure(report.adaptation_seconds.p50, 's')} "
        f"(99 of 100 within {figure(report.adaptation_seconds.p99, 's')}) and predict in "
        f"{figure(report.prediction_ms.p50, 'ms')} (99 of 100 within {figure(report.prediction_ms.p99, 'ms')})."
    )


def left_out(report: Report) -> str | None:
    """Returns a sentence on the users who are not in the averages, or None if all are."""
    few = len(report.clients) - report.clients_in_aggregates
    notes = []
    if few:
        notes.append(f"{users(few)} with fewer than {report.min_messages} messages or no word to test")
    if report.failed:
        notes.append(f"{users(len(report.failed))} whose data caused an error ({report.failed[0].reason})")
    return f"Not in the averages: {' and '.join(notes)}." if notes else None


def table_of(report: Report) -> Group:
    """Returns the notice, the table, and the sentences that explain it."""
    notice = notice_of(report)
    parts: list[Table | Text] = []
    if notice:
        parts.append(Text(notice, style="bold yellow"))
    parts.append(Text(f"bundle {report.bundle.name} on {report.corpus.description}"))
    parts.append(_table(report))
    parts.append(Text(meaning(report), style="bold"))
    parts.append(Text(cost(report)))
    note = left_out(report)
    if note:
        parts.append(Text(note, style="dim"))
    return Group(*parts)


def _table(report: Report) -> Table:
    table = Table(title=f"{users(report.clients_in_aggregates)}, each with their own phone", title_justify="left")
    table.add_column("measured on messages the phone had not seen")
    table.add_column("keyboard")
    for title in COLUMN_TITLES:
        table.add_column(title, justify="right")
    for metric, title in METRIC_TITLES.items():
        for row, (keyboard, cells) in enumerate(metric_rows(report, metric)):
            table.add_row("" if row else title, keyboard, *cells, style="bold" if row else None)
        table.add_section()
    for row, (keyboard, cells) in enumerate(gain_rows(report)):
        table.add_row("" if row else "gain of each user in the first, points", keyboard, *cells)
    return table
