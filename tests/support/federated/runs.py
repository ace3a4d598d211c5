"""Tiny training jobs, in this process and in child processes that can be killed."""

import multiprocessing
import resource
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from federated.job import Job

# The fork server has already imported TensorFlow, so a child process starts quickly.
_children = multiprocessing.get_context("forkserver")
_children.set_forkserver_preload(["federated.training.train_run"])


def tiny_job(**training: object) -> Job:
    values = {
        "rounds": 12,
        "clients_per_round": 3,
        "batch": 4,
        "window": 8,
        "max_windows": 8,
        "evaluate_every": 2,
        "checkpoint_every": 2,
    }
    return Job.model_validate(
        {
            "tokenizer": {"vocab_size": 400},
            "model": {"embedding": 8, "cells": 8},
            "training": values | training,
        }
    )


def _train(job: Job, corpus: Path, run: Path, resume: bool, largest_file: int | None) -> None:
    from federated.training.train_run import train

    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    train(job, corpus, run, resume=resume)


def training_child(
    job: Job, corpus: Path, run: Path, *, resume: bool = False, largest_file: int | None = None
) -> ForkServerProcess:
    """Starts a training in a process of its own.

    Args:
        largest_file: Size limit of a file in bytes. A write beyond the limit fails as on a full disk.
    """
    child = _children.Process(target=_train, args=(job, corpus, run, resume, largest_file))
    child.start()
    return child
