"""What `thumbprint train` and `thumbprint export` show when they are done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from device_runtime.wording import percent
from thumbprint.tables import notice, pairs

if TYPE_CHECKING:
    from federated.program import Outcome
    from tflite_export.check import Check

_STOPPED_BY = {
    "rounds": "all rounds are done",
    "patience": "validation gained nothing any more",
    "minutes": "the job's minutes are used up",
}
_DIFFERENCES = {
    "log_probability": "largest difference in log-probability, nats",
    "mean_log_probability": "mean difference in log-probability, nats",
    "recall_at_3": "difference in recall@3 of pieces",
    "adapt": "difference of an adaptation step, of its length",
}


def _labelled(synthetic: bool, *parts: RenderableType) -> Group:
    return Group(*([notice("the model was trained on messages that a program made up.")] if synthetic else []), *parts)


def training_view(run: Path, corpus: Mapping[str, object], outcome: Outcome) -> Group:
    """Returns how a training ended; `corpus` is the run's `corpus.json`."""
    fields: dict[str, object] = {
        "corpus": corpus["description"],
        "rounds": outcome.rounds,
        "ended because": _STOPPED_BY[outcome.stopped_by],
    }
    if outcome.best_round:
        recall = percent(outcome.best_recall)
        fields |= {"best round": outcome.best_round, "its recall@3 on validation users": recall}
    if outcome.broken_clients:
        fields["clients left out, their data broke training"] = outcome.broken_clients
    fields["minutes"] = f"{outcome.seconds / 60:.1f}"
    if outcome.tokens_per_second:  # nothing was left to train where a finished run is resumed
        fields["tokens/s"] = round(outcome.tokens_per_second)
    return _labelled(bool(corpus["synthetic"]), pairs(str(run), fields))


def export_view(out: Path, check: Check, *, size: int, signer: str, synthetic: bool) -> Group:
    """Returns what was exported: how far LiteRT is from TensorFlow, bytes, and whose key signed it."""
    differences = {_DIFFERENCES[name]: value for name, value in asdict(check).items()}
    fields = {"bytes": size, "signed with": signer, **differences}
    return _labelled(synthetic, pairs(str(out), fields))
