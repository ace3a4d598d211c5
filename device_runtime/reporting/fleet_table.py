"""The report of a fleet: its sentences, and the tables that the terminal shows."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from device_runtime.reporting.phrases import figure, people, percent, phones, points, size, synthetic_notice
from device_runtime.simulation.fleet.job_scheduler import Span, spans
from device_runtime.simulation.fleet.report import FleetReport


def title(report: FleetReport) -> str:
    """Who lived how long."""
    plan, days = report.plan, "1 day" if report.plan.days == 1 else f"{report.plan.days} days"
    return f"{phones(report.phones)} of {people(report.people)} through {days} (seed {plan.seed})"


def notice_of(report: FleetReport) -> str | None:
    """The notice above all figures if messages were generated; None for real ones."""
    return synthetic_notice(report.corpus.synthetic, report.synthetic, "the people")


def span_title(span: Span) -> str:
    return f"day {span.first}" if span.first == span.last else f"days {span.first} to {span.last}"


def gain(span: Span) -> str:
    return points(span.personal - span.shared if span.personal is not None and span.shared is not None else None)


def meaning(report: FleetReport) -> str:
    """One line that says what became of the gain over time."""
    tested = [span for span in spans(report.days) if span.phone_days]
    if not tested:
        return "Nobody typed a word while their phone was on, so there is nothing to compare: give it more days."
    first, last = tested[0], tested[-1]
    return (
        f"On {span_title(first)} the personal keyboard shows {gain(first)} words of 100 more than the shared one "
        f"before they are typed; on {span_title(last)}, {gain(last)}."
    )


def sampling(report: FleetReport) -> str:
    """How much was tested, and on whose times."""
    words = sum(day.words for day in report.days)
    drawn = report.phones - len(report.failed) - report.phones_by_own_times
    return (
        f"{words:,} words tested, at most {report.plan.words_a_day} drawn from each phone-day, each before the phone "
        f"saw it. {phones(report.phones_by_own_times)} typed at their messages' own times, {phones(drawn)} at "
        "drawn ones."
    )


def cost(report: FleetReport) -> str:
    """One line on what it took of the phones."""
    return (
        f"{report.adaptations:,} adaptations ran, {figure(report.adaptation_seconds, 's')} each on this machine; "
        f"{phones(report.phones_with_adapter)} ended with an adapter, half of them of {size(report.adapter_bytes.p50)} "
        f"or less (at most {size(report.adapter_bytes.max)})."
    )


def missed(report: FleetReport) -> str | None:
    """What no phone saw; None where all was seen."""
    lost = sum(day.missed for day in report.days)
    total = lost + sum(day.typed for day in report.days)
    return f"{percent(lost / total)} of the messages were written while the phone was off." if lost else None


def failed(report: FleetReport) -> str | None:
    """Whose phones broke; None where none did."""
    if not report.failed:
        return None
    return f"Left out: {phones(len(report.failed))} whose data broke ({report.failed[0].reason})."


_BY = {"policy": "not begun (hourly looks)", "gate": "ran, not kept"}
_MOST_REASONS = 12


def _days(report: FleetReport) -> Table:
    table = Table(title=title(report), title_justify="left")
    table.add_column("since first use")
    for column in ("phone-days tested", "shared", "personal", "gain, points", "adaptations", "kept"):
        table.add_column(column, justify="right")
    for span in spans(report.days):
        recalls = percent(span.shared), percent(span.personal), gain(span)
        table.add_row(span_title(span), f"{span.phone_days:,}", *recalls, f"{span.adaptations:,}", f"{span.kept:,}")
    return table


def _refusals(report: FleetReport) -> Table:
    table = Table(title="Adaptations that did not come to be", title_justify="left")
    table.add_column("")
    table.add_column("why")
    table.add_column("times", justify="right")
    for refusal in report.refusals[:_MOST_REASONS]:
        table.add_row(_BY[refusal.by], refusal.reason, f"{refusal.times:,}")
    return table


def table_of(report: FleetReport) -> Group:
    """Returns the notice, the tables, and the lines that say what they mean."""
    notice, lines = notice_of(report), [sampling(report), cost(report)]
    lines += [line for line in (missed(report), failed(report)) if line]
    parts: list[Table | Text] = [Text(notice, style="bold yellow")] if notice else []
    second = f", then {report.next_bundle.name}," if report.next_bundle else ""
    parts.append(Text(f"bundle {report.bundle.name}{second} on {report.corpus.description}"))
    parts.append(_days(report))
    parts.append(Text("shared, personal: the next word is among the 3 shown, mean over phone-days", style="dim"))
    if report.refusals:
        parts.append(_refusals(report))
    parts.append(Text(meaning(report), style="bold"))
    parts += [Text(line) for line in lines]
    return Group(*parts)
