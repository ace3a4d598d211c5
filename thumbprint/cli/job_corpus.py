"""The job and the corpus that a command names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from federated.job import Job


def corpus_of(job: Path, corpus: Path | None, fold: int | None) -> tuple[Job, Path]:
    """Returns the job, with another fold if one is given, and the corpus given or the one that the job names.

    Raises:
        JobError: the job cannot be read, or does not have this fold.
        typer.BadParameter: there is no corpus.
    """
    from federated.job import load_job

    loaded = load_job(job) if fold is None else load_job(job).with_fold(fold)
    messages = corpus or loaded.corpus
    if messages is None:
        raise typer.BadParameter(f'{job} names no corpus: give --corpus CORPUS, or `corpus = "FILE"` in the job')
    return loaded, messages
