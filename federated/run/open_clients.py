"""The clients that a finished run was trained on, opened again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from federated.corpus.store import Corpus
from federated.data.federated_data import Clients
from federated.run.folder import RunError, RunFolder


@contextlib.contextmanager
def clients_of(folder: RunFolder, corpus: Path | None = None) -> Iterator[Clients]:
    """Opens a run's corpus, split as the run split it.

    Args:
        corpus: where it lies now; where it lay at training when None.

    Raises:
        RunError: `corpus` is another one.
        CorpusError: it cannot be read.
    """
    job, about = folder.job(), folder.read_json("corpus.json")
    with Corpus.open(corpus or Path(about["path"])) as opened:
        if opened.corpus_id != about["corpus_id"]:
            raise RunError(
                f"{opened.path} is not the corpus that {folder.path} was trained on, so nobody knows who of it took "
                "part: give that one with --corpus, or use `thumbprint simulate`"
            )
        yield Clients.of(opened, job.data, job.seed)
