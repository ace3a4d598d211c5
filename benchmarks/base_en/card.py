"""Writes the model card of the shipped base (Mitchell et al. 2019, arXiv:1810.03993)."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.base_en.sources import SOURCES
from benchmarks.results_page import METRICS, mean_with_interval, percent, with_interval
from device_runtime.bundle.loader import Bundle
from device_runtime.simulation.report import Report
from federated.base import Base

_CARD = """# base_en: an English base

Made by `python -m benchmarks.base_en`, not by hand: the model before any user, pre-trained in one place on {pieces:,}
pieces of public English text. `base/` is what federated training starts from (`start = "base_en"` in `[training]` of
a job). `base_en.bundle` is the same model for phones, signed: `thumbprint serve` and
`thumbprint predict base_en "see you"` use it, and `thumbprint_public.pem` verifies it.

## What it is for

Suggestions of the next word in English messages, on a phone whose owner's words and adapter come on top. A federated
training on your users' text makes it better for them. It is not a source of facts, and it suggests what is frequent in
its text. Where a word must not appear, use a block list (`thumbprint serve --block-list`).

## What it was made of

| text | licence | credit |
| --- | --- | --- |
{sources}

The text was changed: split into pieces, addresses and long numbers masked, and 1 % of the lines held out. Chit-Chat is
what volunteers typed to strangers for research. It is the only text of one person to another, so words that fewer than
20 of its people typed were left out. The phones below are those of other people.

## Size

| | |
| --- | --- |
| bundle | {megabytes:.2f} MB |
| vocabulary | {vocab:,} pieces |
| model | embedding of {embedding}, {cells} cells |

## Figures

| measured on | recall@1 | recall@3 |
| --- | --- | --- |
{figures}

In brackets: 95 % intervals that draw users. No person of these corpora wrote a text of the base. *Shared*: every word
counts once. *Personal*: the mean over users with 20 messages or more, whose phone learned from the first four fifths of
their messages. The last fifth is tested.
"""


def card(base: Base, bundle: Bundle, size: int, reports: Mapping[str, Report]) -> str:
    """Returns the card.

    Args:
        bundle: The bundle of the base.
        size: The size of its file, in bytes.
        reports: By its name, one for each corpus on whose users the bundle was tested.
    """
    about, shape = base.about(), bundle.manifest.model
    return _CARD.format(
        pieces=about["pieces"],
        sources="\n".join(f"| {source.title} | {source.licence} | {source.credit} |" for source in SOURCES.values()),
        megabytes=size / 1e6,
        vocab=shape.vocab,
        embedding=shape.embedding,
        cells=shape.cells,
        figures="\n".join([_held_out(about["validation"]), *(row for each in reports.items() for row in _rows(*each))]),
    )


def _held_out(measured: dict[str, float]) -> str:
    recalls = " | ".join(percent(measured[metric]) for metric in METRICS)
    return f"| {measured['words']:,} words of held-out lines of these texts, neural model | {recalls} |"


def _rows(corpus: str, report: Report) -> list[str]:
    """Returns the rows of a corpus: the shared keyboard over all words, and the mean of the personal one over users."""
    who = f"{report.clients_in_aggregates} people of `{corpus}`"
    shared_words, over_users = report.shared.model_dump()["pooled"], report.personal.model_dump()
    shared = [with_interval(shared_words[metric]) for metric in METRICS]
    personal = [mean_with_interval(over_users[metric]) for metric in METRICS]
    return [f"| {who}, shared | {' | '.join(shared)} |", f"| the same, personal | {' | '.join(personal)} |"]
