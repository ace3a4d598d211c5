"""Which rows a figure is over: users who count, and each beside the same user under the shared model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keyboard_model.metrics import gains
from thumbprint.comparison.results import REFERENCE, ClientResult, Comparison, Group, MethodResult


@dataclass(frozen=True)
class Pair:
    """One user under a method, and the recall_at_3 of the shared model on the same words."""

    personal: ClientResult
    shared_recall: float

    @property
    def recall(self) -> float:
        return self.personal.counts.recall_at_3

    @property
    def gain(self) -> float:
        """In recall_at_3, without rounding noise: 0 means the same."""
        return gains([self.recall], [self.shared_recall])[0]


def counted(comparison: Comparison, method: MethodResult, group: Group | None = None) -> list[ClientResult]:
    """Returns the rows that enter figures, of one group or of both, in the order measured."""
    return [
        row
        for row in method.clients
        if row.words and row.messages >= comparison.min_messages and group in (None, row.group)
    ]


def paired(comparison: Comparison, method: MethodResult, group: Group | None = None) -> list[Pair]:
    """Returns the counted users whose words the shared model was asked for as well; empty when it never was."""
    return list(_pairs(comparison, method, group))


def _pairs(comparison: Comparison, method: MethodResult, group: Group | None) -> Iterator[Pair]:
    reference = comparison.method(REFERENCE)
    shared = {row.user_id: row for row in counted(comparison, reference, group)} if reference else {}
    for row in counted(comparison, method, group):
        if row.shared_hits_at_3 is not None:
            yield Pair(row, row.shared_hits_at_3 / row.words)
        elif row.user_id in shared:
            yield Pair(row, shared[row.user_id].counts.recall_at_3)
