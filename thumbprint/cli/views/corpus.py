"""What `thumbprint corpus stats` shows."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table

from federated.corpus.stats import CorpusStats
from federated.corpus.store import Corpus
from thumbprint.console.tables import headed, notice, pairs


def stats_view(corpus: Corpus, stats: CorpusStats) -> Group:
    """Returns the view: where the corpus is from, totals, percentiles over users, coverage."""
    totals = {
        "what": corpus.description,
        "format": corpus.source,
        "id": corpus.corpus_id,
        "users": stats.users,
        "messages": stats.messages,
        "words": stats.words,
        "different words": stats.distinct_words,
    }
    parts = [pairs(str(corpus.path), totals), _spread(stats), _coverage(stats)]
    return Group(*([notice("a program made these messages up.")] if corpus.synthetic else []), *parts)


def _spread(stats: CorpusStats) -> RenderableType:
    table = Table()
    table.add_column("")
    for name in stats.messages_per_user:
        table.add_column(name, justify="right")
    for name, percentiles in {"messages": stats.messages_per_user, "words": stats.words_per_user}.items():
        table.add_row(name, *(f"{value:,}" for value in percentiles.values()))
    return headed("a user has (percentiles over users)", table)


def _coverage(stats: CorpusStats) -> RenderableType:
    table = Table()
    table.add_column("vocabulary")
    table.add_column("words typed", justify="right")
    for size, share in stats.coverage.items():
        table.add_row(f"the {size:,} most frequent words", f"{100 * share:.1f} %")
    table.add_row("words that 2 users or more typed", f"{100 * stats.shared_coverage:.1f} %")
    return headed("how much of all that is typed a vocabulary covers", table)
