"""The figures of a comparison in words, and its conclusion: the same in the terminal, on the page and in pictures.

The conclusion says which method to ship, how much it gains, which users it hurts, and what it costs.
"""

from __future__ import annotations

from device_runtime.reporting.table import DASH, interval, percent, points, relative_gain, synthetic_notice, users
from keyboard_model.metrics import Estimate
from keyboard_model.user_posterior import SURE
from thumbprint.comparison.analysis import statistics
from thumbprint.comparison.analysis.report import AgainstShared, ComparisonReport, Headline, Row
from thumbprint.comparison.results import REFERENCE, Comparison, Group, MethodResult, Setting, StoredAs

GROUP_TITLES: dict[Group, str] = {"new_phone": "new phones", "seen": "users in training"}
GROUP_MEANINGS: dict[Group, str] = {
    "new_phone": "new phones: users who took no part in the training",
    "seen": "users in training, tested on held-out messages, with the state that they kept after a method's rounds",
}
LOSSLESS = 0.001
"""A smaller form of an adapter counts as equally good if its mean recall_at_3 is at most this much below fp32's."""
_UNITS = ("B", "KB", "MB", "GB", "TB")


def volume(count: float | None) -> str:
    """Formats a number of bytes in decimal units, as data plans do: `1.3 MB`."""
    if count is None:
        return DASH
    size, unit = float(count), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if not unit or size >= 99.5 else f"{size:.2g} {_UNITS[unit]}"


def share(estimate: Estimate | None, digits: int = 0) -> str:
    """Formats an estimated share in percent, without its interval."""
    return percent(estimate.value if estimate else None, digits)


def gain_in_points(mean: float | None, low: float | None, high: float | None) -> str:
    """Formats a difference of shares in percentage points and its interval."""
    return f"{points(mean)} {interval(low, high, signed=True)}".strip()


def p_value(p: float | None) -> str:
    if p is None:
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def likely_helped_and_hurt(against: AgainstShared) -> tuple[str, str]:
    """Formats how many users are likely helped, and likely hurt; dashes if no user was compared word by word."""
    if not against.users_tested:
        return DASH, DASH
    helped, hurt = len(against.users_likely_helped), len(against.users_likely_hurt)
    return f"{helped:,} of {against.users_tested:,}", f"{hurt:,} of {against.users_tested:,}"


def notice(comparison: Comparison) -> str | None:
    """Returns the notice above all figures if the messages were generated; None for real ones."""
    return synthetic_notice(comparison.corpus.synthetic, False, "the users")


def tested_on(comparison: Comparison, row: Row) -> str:
    """Describes the users and words that a row was measured on."""
    return (
        f"{users(row.users)} with at least {comparison.min_messages:,} messages, {row.words:,} held-out words, "
        "each user counts once"
    )


def budget(comparison: Comparison) -> str:
    """Describes the budget that every method had."""
    given = comparison.budget
    trials = "1 trial" if given.trials == 1 else f"{given.trials:,} trials"
    limit = f"; each user was tested on at most {given.test_messages:,} messages" if given.test_messages else ""
    parts = [
        f"Every method had {trials} to choose its settings on validation users (with {given.tuning_rounds:,} "
        f"federated rounds each, if it has rounds) and {given.rounds:,} rounds of final training; "
        f"seed {comparison.seed}{limit}."
    ]
    if given.shared_rounds is not None:
        parts.append(f"A shared model that was trained for this preview had at most {given.shared_rounds:,} rounds.")
    if given.folds > 1:
        parts.append(
            f"The shared model was trained {given.folds} times, each time without another part of the users: these are "
            "the new phones of that fold. Their settings are those that did best for the validation users of all folds "
            "without them, so no one was tested with settings that were chosen on their own text."
        )
    return " ".join(parts)


def measured_in_tff(method: MethodResult | None, group: Group) -> bool:
    """Whether a method's users of this group were measured in TFF."""
    return method is not None and (method.where if group == "new_phone" else method.seen_where) == "tff"


def settings(method: MethodResult) -> str:
    """Formats the chosen settings; where the folds chose different values, all of them, in the order of the folds.

    >>> settings(MethodResult.model_construct(settings_by_fold=({"steps": 5, "order": 3}, {"steps": 10, "order": 3})))
    'steps 5 / 10, order 3'
    """
    of_folds = method.settings_by_fold or (method.settings,)
    values = {key: [_setting(chosen[key]) for chosen in of_folds] for key in of_folds[0]}
    return ", ".join(f"{key} {found[0] if len({*found}) == 1 else ' / '.join(found)}" for key, found in values.items())


def _setting(value: Setting) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def conclusion(report: ComparisonReport) -> list[str]:
    """Returns a few sentences, the most important first. If there is no answer, the only sentence gives the reason."""
    headline = report.summary.headline
    row = report.summary.row(headline.best, headline.group) if headline else None
    if headline is None or row is None:
        return [_no_answer(report)]
    parts = [
        _best(report, headline, row),
        _lead(headline),
        _users_helped_and_hurt(row),
        _costs(report, row),
        _widest_gap(report, row),
    ]
    return [part for part in parts if part]


def _no_answer(report: ComparisonReport) -> str:
    if not report.comparison.methods:
        reason = "No method finished: the reasons are listed below."
    elif not report.summary.rows:
        reason = (
            f"No user had {report.comparison.min_messages:,} messages and a word to test: "
            "lower --min-messages or give a larger corpus."
        )
    else:
        reason = "No method that a phone can run was measured."
    return f"There is no answer. {reason}"


def _best(report: ComparisonReport, headline: Headline, row: Row) -> str:
    place = f"On {GROUP_TITLES[headline.group]}"
    shown = f"{100 * (row.recall_at_3.mean or 0):.1f} of 100 words before they are typed"
    against, shared = row.against_global, report.summary.row(REFERENCE, headline.group)
    if row.method == REFERENCE and headline.runner_up is None:
        return f"{place}, only the shared model was measured. It shows {shown}."
    if row.method == REFERENCE:
        advice = "no method that can ship beats the shared model: do not personalize"
        return f"{place}, {advice}. The shared model shows {shown}."
    if against is None or shared is None:
        return (
            f"{place}, {row.method} is best: it shows {shown}. Its gain is unknown because {REFERENCE} was not "
            "measured."
        )
    significant = against.p_value_corrected < statistics.LEVEL and (against.gain.low or 0) > 0
    doubt = "" if significant else " This may be chance: the test over users does not rule it out."
    return (
        f"{place}, {row.method} is best: it shows {shown}, and {REFERENCE} shows "
        f"{100 * (shared.recall_at_3.mean or 0):.1f}. The relative gain is {relative_gain(against.relative_mean)} over "
        f"{users(against.users)}.{doubt}"
    )


def _lead(headline: Headline) -> str:
    sentences: list[str] = []
    if headline.runner_up and headline.lead:
        lead = headline.lead
        significant = lead.low is not None and lead.low > 0
        sentences.append(
            f"It is {gain_in_points(lead.value, lead.low, lead.high)} points ahead of {headline.runner_up}, the second "
            "best method" + ("." if significant else "; this difference may be chance.")
        )
    if headline.above:
        sentences.append(f"{headline.above} is even better, but no phone can run it.")
    return " ".join(sentences)


def _users_helped_and_hurt(row: Row) -> str:
    against = row.against_global
    if against is None:
        return ""
    hurt = against.fraction_hurt
    within = f" {interval(hurt.low, hurt.high)}" if hurt else ""
    raw = (
        f"{share(against.fraction_helped)} of the users gain at least 2 words in 100, and {share(hurt)}{within} lose "
        "at least one word; chance alone does that to some."
    )
    if against.likely_hurt is None:
        return f"{raw} The words of the users were not compared one by one, so losses were not told from chance."
    helped, worse = (len(ids) for ids in (against.users_likely_helped, against.users_likely_hurt))
    return (
        f"With noise in mind, it helps {helped:,} and hurts {worse:,} of {users(against.users_tested)} "
        f"{interval(against.likely_hurt.low, against.likely_hurt.high)}: more than half a word in 100, with a "
        f"probability of at least {SURE:.1f}. {raw}"
    )


def smallest_lossless_form(method: MethodResult) -> StoredAs | None:
    """Returns the smallest form of an adapter that loses no measurable recall; None if no form was measured."""
    full = next((stored for stored in method.storage if stored.form == "fp32"), None)
    lossless = [s for s in method.storage if full is None or s.recall_at_3 >= full.recall_at_3 - LOSSLESS]
    return min(lossless, key=lambda stored: stored.bytes_p50, default=None)


def _costs(report: ComparisonReport, row: Row) -> str:
    method = report.comparison.method(row.method)
    if method is None:
        return ""
    sent = method.communication
    sentence = "Its training sends nothing."
    if sent:
        sentence = (
            f"In each round, training sends {volume(sent.bytes_up_a_round)} up and {volume(sent.bytes_down_a_round)} "
            f"down per phone. Over {sent.rounds:,} rounds, the total is {volume(sent.bytes_per_client)} per phone."
        )
    stored = smallest_lossless_form(method)
    if stored:
        sentence += f" With {stored.form} adapters, half of the phones store {volume(stored.bytes_p50)} or less."
    return sentence


def _widest_gap(report: ComparisonReport, row: Row) -> str:
    fairness = next((f for f in report.summary.fairness if (f.method, f.population) == (row.method, "all")), None)
    if fairness is None:
        return ""
    if not fairness.attributes:
        return "No profile attribute has two groups that are large enough to compare."
    widest = max(fairness.attributes, key=lambda gaps: gaps.equal_opportunity.value)
    gap = widest.equal_opportunity
    chance = " This may be chance." if gap.p_value >= statistics.LEVEL else ""
    return (
        f"The largest gap between groups is by {widest.attribute}: {gap.highest} is {100 * gap.value:.1f} points "
        f"ahead of {gap.lowest}.{chance}"
    )
