"""Tiny training jobs, in this process and in child processes that can be killed."""

import multiprocessing
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


def _train(job: Job, corpus: Path, run: Path, resume: bool) -> None:
    from federated.training.train_run import train

    train(job, corpus, run, resume=resume)


def training_child(job: Job, corpus: Path, run: Path, *, resume: bool = False) -> ForkServerProcess:
    """Starts a training in a process of its own."""
    child = _children.Process(target=_train, args=(job, corpus, run, resume))
    child.start()
    return child
