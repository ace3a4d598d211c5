"""The answer in plain words: which method to ship, by how much it gains, whom it hurts, what it costs."""

from __future__ import annotations

from thumbprint.comparison.analysis import statistics
from thumbprint.comparison.analysis.metrics import Headline, Row
from thumbprint.comparison.report.phrases import GROUP_TITLES, gain_of, interval, relative, share_of, users, volume
from thumbprint.comparison.report.report import ComparisonReport
from thumbprint.comparison.results import REFERENCE, MethodResult, StoredAs

LOSSLESS = 0.001
"""A smaller form of an adapter is as good when its mean recall_at_3 is at most this much below fp32's."""


def conclusion(report: ComparisonReport) -> list[str]:
    """Returns a few sentences, the most important first; says so when there is no answer."""
    headline = report.summary.headline
    row = report.summary.row(headline.best, headline.group) if headline else None
    if headline is None or row is None:
        return [_no_answer(report)]
    parts = [_best(report, headline, row), _others(headline), _hurt(row), _cost(report, row), _groups(report, row)]
    return [part for part in parts if part]


def _no_answer(report: ComparisonReport) -> str:
    if not report.comparison.methods:
        why = "No method finished: see below why each was left out."
    elif not report.summary.rows:
        why = (
            f"Nobody had {report.comparison.min_messages:,} messages and a word to test: "
            "lower the minimum or give a larger corpus."
        )
    else:
        why = "No method that a phone can run was measured."
    return f"There is no answer. {why}"


def _best(report: ComparisonReport, headline: Headline, row: Row) -> str:
    place = f"On {GROUP_TITLES[headline.group]}"
    shown = f"{100 * (row.recall_at_3.mean or 0):.1f}"
    shows = f"of 100 words it shows {shown} before they are typed"
    against, shared = row.against_global, report.summary.row(REFERENCE, headline.group)
    if row.method == REFERENCE and headline.runner_up is None:
        return f"{place} only the shared model was measured: it shows {shown} of 100 words before they are typed."
    if row.method == REFERENCE:
        return (
            f"{place} nothing that can ship beats the shared model: do not personalize. It shows {shown} of 100 words."
        )
    if against is None or shared is None:
        return f"{place} {row.method} is best: {shows}. Without {REFERENCE} nobody can say what personalizing gains."
    sure = against.p_value_corrected < statistics.LEVEL and (against.gain.low or 0) > 0
    doubt = "" if sure else " That may be chance: the test over users does not rule it out."
    gained = relative(against.relative_mean)
    return (
        f"{place} {row.method} is best: {shows}, {100 * (shared.recall_at_3.mean or 0):.1f} by {REFERENCE}. "
        f"That is {gained} relative, over {users(against.users)}.{doubt}"
    )


def _others(headline: Headline) -> str:
    said: list[str] = []
    if headline.runner_up and headline.lead:
        lead = headline.lead
        apart = lead.low is not None and lead.low > 0
        said.append(
            f"It is {gain_of(lead.value, lead.low, lead.high)} points ahead of "
            f"{headline.runner_up}, the next" + ("." if apart else ": the two cannot be told apart here.")
        )
    if headline.above:
        said.append(f"{headline.above} is better still, but no phone can run it.")
    return " ".join(said)


def _hurt(row: Row) -> str:
    against = row.against_global
    if against is None:
        return ""
    hurt = against.fraction_hurt
    within = interval(hurt.low, hurt.high) if hurt else ""
    found = against.users_hurt_significantly
    if found is None:
        sure = "Nobody's words were compared one by one, so no user can be said to lose more than chance explains."
    elif found:
        sure = f"{users(len(found))} of {against.users_tested:,} lose more words than chance explains."
    else:
        sure = "No single user can be shown to lose more words than chance explains."
    return (
        f"It notably helps {share_of(against.fraction_helped)} of them, and {share_of(hurt)} {within} lose at least a "
        f"word. {sure}"
    )


def smallest_form(method: MethodResult) -> StoredAs | None:
    """Returns the smallest form of the adapter that loses nothing measurable; None where none was stored."""
    whole = next((stored for stored in method.storage if stored.form == "fp32"), None)
    as_good = [s for s in method.storage if whole is None or s.recall_at_3 >= whole.recall_at_3 - LOSSLESS]
    return min(as_good, key=lambda stored: stored.bytes_p50, default=None)


def _cost(report: ComparisonReport, row: Row) -> str:
    method = report.comparison.method(row.method)
    if method is None:
        return ""
    sent = method.communication
    said = "It sends nothing."
    if sent:
        said = (
            f"Training sends {volume(sent.bytes_up_a_round)} up and {volume(sent.bytes_down_a_round)} down for a phone "
            f"in a round, {volume(sent.bytes_per_client)} a phone over {sent.rounds:,} rounds."
        )
    stored = smallest_form(method)
    if stored:
        said += f" Half of the phones store {volume(stored.bytes_p50)} or less as {stored.form}."
    return said


def _groups(report: ComparisonReport, row: Row) -> str:
    found = next((f for f in report.summary.fairness if (f.method, f.population) == (row.method, "all")), None)
    if found is None:
        return ""
    if not found.attributes:
        return "No two groups of any profile attribute are large enough to be compared."
    widest = max(found.attributes, key=lambda gaps: gaps.equal_opportunity.value)
    gap = widest.equal_opportunity
    chance = " (within chance)" if gap.p_value >= statistics.LEVEL else ""
    return (
        f"The widest gap between groups is by {widest.attribute}: {gap.highest} is {100 * gap.value:.1f} points "
        f"ahead of {gap.lowest}{chance}."
    )
