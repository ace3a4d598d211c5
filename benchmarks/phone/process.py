"""A phone's day in a separate process, so that `benchmarks.phone` can read its peak memory.

Reads `{"bundle", "public_key", "folder", "history", "contexts"}` as JSON from stdin and prints
`{"peak_bytes", "steps"}`. It imports only what a phone has.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path

from benchmarks.measure.memory import peak_resident_bytes
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone

STEPS, NEWEST_WORDS = 10, 500


def open_engine(bundle_path: Path, public_key: Path) -> Engine:
    """Loads a bundle on one thread. Its recipe is changed to 10 steps on the newest 500 words.

    Raises:
        BundleError, KeyFileError: the bundle or the key cannot be used.
    """
    bundle = load_bundle(bundle_path, public_key)
    recipe = bundle.manifest.recipe
    gate = recipe.gate.model_copy(update={"min_words": 1})  # the gate judges, however few words are held out
    recipe = recipe.model_copy(update={"steps": STEPS, "newest_words": NEWEST_WORDS, "gate": gate})
    manifest = bundle.manifest.model_copy(update={"recipe": recipe})
    return Engine(dataclasses.replace(bundle, manifest=manifest), num_threads=1)


def _main() -> None:
    day = json.load(sys.stdin)
    engine = open_engine(Path(day["bundle"]), Path(day["public_key"]))
    with Phone.open(day["folder"], engine) as phone:
        phone.observe_many(day["history"])
        for context in day["contexts"]:
            phone.predict(context)
        adaptation = phone.adapt()
        for context in day["contexts"]:
            phone.predict(context)
    json.dump({"peak_bytes": peak_resident_bytes(os.getpid()), "steps": adaptation.steps}, sys.stdout)


if __name__ == "__main__":
    _main()
