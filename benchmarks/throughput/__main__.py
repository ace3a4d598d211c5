"""Training speed: `python -m benchmarks.throughput`. Writes `runs/benchmarks/throughput.json`.

Counted targets a second of three ways to train on the same batches (see `benchmarks.throughput.trainers`). They take
turns in one run, so that other load on the machine slows all of them:

- plain: our graph in plain TensorFlow, a `tf.function` step on two threads;
- ours: our federated rounds in TFF's runtime;
- baseline: TFF's own Stack Overflow model at equal sizes, in the same runtime.

A ratio is the median over the repetitions. Each repetition compares runs that follow each other.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Mapping
from typing import Annotated

import numpy as np
import typer

from benchmarks.measure.results import Figure, Machine, publish
from thumbprint.console import silence_tensorflow

THREADS = 2


def main(
    repetitions: Annotated[int, typer.Option(min=1, help="Rounds timed of each.")] = 5,
    clients: Annotated[int, typer.Option(min=1, help="Clients a round.")] = 8,
    batches: Annotated[int, typer.Option(min=1, help="Batches of 16x20 a client.")] = 20,
) -> None:
    """Measures training throughput against plain TensorFlow and TFF's own baseline."""
    machine = Machine.now()
    silence_tensorflow()
    import tensorflow as tf

    from benchmarks.throughput import trainers
    from federated.runtime.execution_context import execution_context

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    data = trainers.random_batches(clients, batches)
    with execution_context():
        seconds = in_turn(
            {
                "plain": trainers.plain_tensorflow(data),
                "ours": trainers.federated(data),
                "baseline": trainers.tff_baseline(data),
            },
            repetitions,
        )
    targets = clients * batches * trainers.BATCH * trainers.WINDOW
    speed = {name: targets / np.array(taken) for name, taken in seconds.items()}
    over_plain, over_baseline = speed["ours"] / speed["plain"], speed["ours"] / speed["baseline"]
    publish(
        "throughput",
        [
            Figure("plain", "the same graph in plain TensorFlow, median", float(np.median(speed["plain"])), "tokens/s"),
            Figure("ours", "federated in TFF, median", float(np.median(speed["ours"])), "tokens/s"),
            Figure("baseline", "TFF's own baseline in TFF, median", float(np.median(speed["baseline"])), "tokens/s"),
            Figure("over_plain", "federated / plain, median", float(np.median(over_plain)), "", at_least=0.85),
            Figure("over_baseline", "federated / baseline, median", float(np.median(over_baseline)), "", at_least=2.0),
        ],
        {
            "repetitions": repetitions,
            "clients": clients,
            "batches": batches,
            "targets": targets,
            "threads": THREADS,
            "sizes": {"vocab": trainers.VOCAB, "embedding": trainers.EMBEDDING, "cells": trainers.CELLS},
            "batch": [trainers.BATCH, trainers.WINDOW],
            "seconds": seconds,
            "over_plain": over_plain.tolist(),
            "over_baseline": over_baseline.tolist(),
        },
        machine,
    )


def in_turn(rounds: Mapping[str, Callable[[], float]], repetitions: int) -> dict[str, list[float]]:
    """Times each in turn, and starts with another each time. The first round of each compiles it and is not timed."""
    for train in rounds.values():
        train()
    names = collections.deque(rounds)
    seconds: dict[str, list[float]] = {name: [] for name in rounds}
    for _ in range(repetitions):
        for name in names:
            started = time.perf_counter()
            loss = rounds[name]()
            seconds[name].append(time.perf_counter() - started)
            if not np.isfinite(loss):
                raise SystemExit(f"{name} diverged, so its time means nothing")
        names.rotate(-1)
    return seconds


if __name__ == "__main__":
    typer.run(main)
