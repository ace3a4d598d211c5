"""A fleet's costs: `python -m benchmarks.fleet BUNDLE --public-key KEY`. Writes `runs/benchmarks/fleet.json`.

10,000 phones of one base model live their first day in one process, on synthetic texts: what that process holds at its
fullest, what the one that hands out the phones and adds up their lives holds, and how long a phone-day takes.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.measure.memory import peak_resident_bytes
from benchmarks.measure.results import Figure, Machine, publish
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import KeyFileError
from device_runtime.simulation.fleet.plan import FleetPlan
from device_runtime.simulation.fleet.simulate import simulate_fleet
from device_runtime.simulation.held_out import SimulatedUser
from device_runtime.simulation.report import CorpusInfo
from federated.corpus.synthetic.generate import synthetic_corpus

MB = 1_000_000
_PEOPLE, _MESSAGES = 500, 60
_EVERY = 50  # phones between two looks at the memory


class Watch:
    """Follows the two processes as phones come back. `peaks`: of the one in which they live, a look each, in bytes."""

    def __init__(self) -> None:
        self.peaks: list[int] = []
        self.first_back = 0.0

    def __call__(self, phone: int) -> None:
        if phone == 0:
            self.first_back = time.perf_counter()  # from here on no start of a process is in the time
        if phone % _EVERY == 0:
            (process,) = multiprocessing.active_children()
            assert process.pid is not None
            self.peaks.append(peak_resident_bytes(process.pid))


def main(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a folder, or a zip of it.")],
    public_key: Annotated[Path, typer.Option(help="The public key that it must be signed with.")],
    population: Annotated[int, typer.Option(min=2, help="Phones.")] = 10_000,
    days: Annotated[int, typer.Option(min=1, help="Days that each lives.")] = 1,
    words_a_day: Annotated[int, typer.Option(min=1, help="Words tested on each phone-day.")] = 1,
) -> None:
    """Measures a fleet's memory and speed."""
    machine = Machine.now()
    try:
        opened = load_bundle(bundle, public_key)
    except (BundleError, KeyFileError) as error:
        raise SystemExit(str(error)) from error
    people = _people()
    plan, watch = FleetPlan(population, days, words_a_day=words_a_day), Watch()
    with tempfile.TemporaryDirectory() as scratch:
        report = simulate_fleet(
            [opened],
            list(people),
            people.__getitem__,
            plan,
            corpus=CorpusInfo(id="", description="synthetic", synthetic=True),
            folder=Path(scratch),
            workers=1,
            progress=watch,
        )
        stored = (Path(scratch) / "lives.jsonl").stat().st_size
    seconds = time.perf_counter() - watch.first_back
    living, handing = watch.peaks[-1], peak_resident_bytes(os.getpid())
    each = 1000 * seconds / ((population - 1) * days)
    phones = f"{population:,} phones"
    publish(
        "fleet",
        [
            Figure("living", f"the process in which {phones} live, peak resident", living / MB, "MB", at_most=1000),
            Figure("both", "the same and the one that adds them up", (living + handing) / MB, "MB", at_most=1000),
            Figure("phone_day", "a phone-day on one core", each, "ms"),
            Figure("stored", "a phone's life on disk", stored / population, "bytes"),
        ],
        {
            "population": population,
            "days": days,
            "words_a_day": words_a_day,
            "words": sum(day.words for day in report.days),
            "messages": sum(day.typed for day in report.days),
            "adaptations": report.adaptations,
            "failed": len(report.failed),
            "peak_bytes_every_50_phones": watch.peaks,
            "handing_bytes": handing,
            "seconds": seconds,
            "model_id": opened.manifest.model_id,
        },
        machine,
    )


def _people() -> dict[str, SimulatedUser]:
    """Synthetic people, without the times of their messages: drawn ones fall on the first days."""
    people: dict[str, list[str]] = {}
    for record in synthetic_corpus(_PEOPLE, (_MESSAGES, _MESSAGES)):
        people.setdefault(record.user_id, []).append(record.text)
    return {name: SimulatedUser(name, [(None, text) for text in texts]) for name, texts in people.items()}


if __name__ == "__main__":
    typer.run(main)
