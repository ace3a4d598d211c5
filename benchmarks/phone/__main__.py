"""One phone's costs: `python -m benchmarks.phone BUNDLE --public-key KEY`. Writes `runs/benchmarks/phone.json`.

It measures the prediction of 3 words after a new word (with 500 words of history and an adapter), an adaptation of 10
steps on those words (including the gate and the storage), the peak memory of a fresh process that does both, and the
sizes on disk. One thread, synthetic texts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.measure.results import Figure, Machine, publish
from benchmarks.measure.typist import Typist, make_typist
from benchmarks.phone.process import NEWEST_WORDS, STEPS, open_engine
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.signing_keys import KeyFileError
from device_runtime.phone.phone import Phone

SUGGESTIONS = 3
WARM_UP = 100
MB = 1_000_000


def main(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a folder, or a zip of it.")],
    public_key: Annotated[Path, typer.Option(help="The public key that verifies the bundle.")],
    contexts: Annotated[int, typer.Option(min=10, help="Predictions timed.")] = 2_000,
    adaptations: Annotated[int, typer.Option(min=1, help="Adaptations timed.")] = 5,
) -> None:
    """Measures prediction, adaptation, memory and sizes."""
    machine = Machine.now()
    typist = make_typist(NEWEST_WORDS, WARM_UP + contexts)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            engine = open_engine(bundle, public_key)
        except (BundleError, KeyFileError) as error:
            raise SystemExit(str(error)) from error
        with Phone.open(Path(scratch) / "phone", engine) as phone:
            phone.observe_many(typist.history)
            seconds = [timed_adaptation(phone) for _ in range(adaptations)]
            latencies = prediction_seconds(phone, typist.contexts)[WARM_UP:]
            stored = adapter_bytes(phone)
        peak = peak_bytes(bundle, public_key, Path(scratch) / "fresh", typist)
    p50, p99 = 1000 * np.percentile(latencies, [50, 99])
    publish(
        "phone",
        [
            Figure("predict_p50", "prediction of 3 words after a new word, p50", float(p50), "ms", at_most=3),
            Figure("predict_p99", "the same, p99", float(p99), "ms", at_most=10),
            Figure("adapt", "adaptation, 10 steps on 500 words, median", float(np.median(seconds)), "s", at_most=1),
            Figure("peak_memory", "phone process, peak resident", peak / MB, "MB", at_most=150),
            Figure("bundle", "bundle", bundle_bytes(bundle) / MB, "MB", at_most=3),
            Figure("adapter", "adapter on disk", stored / 1024, "KiB", at_most=64),
        ],
        {
            "predictions": len(latencies),
            "warm_up": WARM_UP,
            "predict_ms": {f"p{p}": 1000 * float(np.percentile(latencies, p)) for p in (5, 50, 90, 95, 99, 100)},
            "adapt_s": seconds,
            "adapt_steps": STEPS,
            "newest_words": NEWEST_WORDS,
            "peak_bytes": peak,
            "bundle_bytes": bundle_bytes(bundle),
            "adapter_bytes": stored,
            "model_id": engine.bundle.manifest.model_id,
        },
        machine,
    )


def prediction_seconds(phone: Phone, contexts: tuple[str, ...]) -> list[float]:
    """Times a prediction after each context, in order."""
    seconds = []
    for context in contexts:
        started = time.perf_counter()
        phone.predict(context, k=SUGGESTIONS)
        seconds.append(time.perf_counter() - started)
    return seconds


def timed_adaptation(phone: Phone) -> float:
    """Times one adaptation, until the phone has stored the result."""
    started = time.perf_counter()
    adaptation = phone.adapt()
    seconds = time.perf_counter() - started
    if adaptation.steps != STEPS:
        raise SystemExit(f"the adaptation took {adaptation.steps} steps, not {STEPS}: {adaptation.verdict.reason}")
    return seconds


def peak_bytes(bundle: Path, public_key: Path, folder: Path, typist: Typist) -> int:
    """Returns the peak memory of a fresh phone process that opens, observes, predicts, adapts and predicts again."""
    day = {
        "bundle": str(bundle),
        "public_key": str(public_key),
        "folder": str(folder),
        "history": typist.history,
        "contexts": typist.contexts[:500],  # more than the phone remembers
    }
    command = [sys.executable, "-m", "benchmarks.phone.process"]
    done = subprocess.run(command, input=json.dumps(day), stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    if found["steps"] != STEPS:
        raise SystemExit(f"the phone process took {found['steps']} steps, not {STEPS}")
    return int(found["peak_bytes"])


def bundle_bytes(bundle: Path) -> int:
    """Returns the bytes of the zip file, or of the folder's files."""
    return sum(file.stat().st_size for file in (bundle.iterdir() if bundle.is_dir() else [bundle]))


def adapter_bytes(phone: Phone) -> int:
    """Returns the bytes of the stored adapter. The size of a sparse adapter depends on the typed text."""
    stored = phone.adapter_file()
    if stored is None:
        raise SystemExit("no adaptation was kept, so there is no adapter to measure")
    return len(stored)


if __name__ == "__main__":
    typer.run(main)
