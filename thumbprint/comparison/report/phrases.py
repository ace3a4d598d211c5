"""A comparison's figures in words: said once here, for the terminal, the page and the pictures."""

from __future__ import annotations

from device_runtime.reporting.phrases import DASH, percent, points
from thumbprint.comparison.analysis.metrics import AgainstGlobal, Figure, Row
from thumbprint.comparison.results import REFERENCE, Comparison, Estimate, Group

GROUP_TITLES: dict[Group, str] = {"new_phone": "new phones", "seen": "users in training"}
GROUP_MEANINGS: dict[Group, str] = {
    "new_phone": "new phones: users whom no training has seen",
    "seen": "users in training, on messages kept back",
}
METRIC_TITLES = {
    "recall_at_3": "the next word is among the 3 shown",
    "recall_at_1": "the next word is the first shown",
    "keystroke_savings": "characters you need not type",
}
_UNITS = ("B", "KB", "MB", "GB", "TB")


def number_of(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def users(count: int) -> str:
    return number_of(count, "user", "users")


def volume(count: float | None) -> str:
    """Bytes in decimal units, as a data plan counts them."""
    if count is None:
        return DASH
    size, unit = float(count), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if not unit or size >= 99.5 else f"{size:.2g} {_UNITS[unit]}"


def interval(low: float | None, high: float | None, signed: bool = False) -> str:
    """A 95 % interval of shares in percent, such as `[12.1, 15.0]`; nothing where there is none."""
    if low is None or high is None:
        return ""
    sign = "+" if signed else ""
    return f"[{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def mean_of(figure: Figure) -> str:
    """A mean share and its interval."""
    return f"{percent(figure.mean)} {interval(figure.low, figure.high)}".strip()


def share_of(estimate: Estimate | None, digits: int = 0) -> str:
    return percent(estimate.value if estimate else None, digits)


def relative(estimate: Estimate | None) -> str:
    """A relative gain in percent and its interval."""
    if estimate is None:
        return DASH
    return f"{100 * estimate.value:+.1f} % {interval(estimate.low, estimate.high, signed=True)}".strip()


def gain_of(mean: float | None, low: float | None, high: float | None) -> str:
    """A difference in points and its interval."""
    return f"{points(mean)} {interval(low, high, signed=True)}".strip()


def p_value(p: float | None) -> str:
    if p is None:
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def hurt_surely(against: AgainstGlobal) -> str:
    """How many users lose more words than chance explains; a dash where no word was compared."""
    found = against.users_hurt_significantly
    return DASH if found is None else f"{len(found):,} of {against.users_tested:,}"


def notice(comparison: Comparison) -> str | None:
    """What must stand over figures that made-up messages gave; None for real ones."""
    if not comparison.corpus.synthetic:
        return None
    return "SYNTHETIC: a program made these messages up. The figures show that it works, not how well it would do."


def tested_on(comparison: Comparison, row: Row) -> str:
    return (
        f"{users(row.users)} with {comparison.min_messages:,} messages or more and {row.words:,} held-out words, "
        "each user counting once"
    )


def budget(comparison: Comparison) -> str:
    given = comparison.budget
    limit = f"; at most {given.test_messages:,} messages of a user test" if given.test_messages else ""
    return (
        f"Every method was given {number_of(given.trials, 'trial', 'trials')} of its settings on validation users "
        f"({given.tuning_rounds:,} federated rounds each, where it has rounds) and {given.rounds:,} rounds at the end; "
        f"seed {comparison.seed}{limit}."
    )


def gain_title(group: Group) -> str:
    return f"gain over {REFERENCE} on {GROUP_TITLES[group]}, points of recall at 3"
