"""A fleet's costs: `python -m benchmarks.fleet BUNDLE --public-key KEY`. Writes `runs/benchmarks/fleet.json`.

10,000 phones of one shared model live their first day in one worker process, on synthetic texts. The benchmark measures
the peak memory of that process and of the process that distributes the phones and collects their results, and the time
of a phone-day. With `--simulated`, only so many phones live, and the others get copies of their stored lives: the first
process has one phone open at any moment, so only the second one depends on the population.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.measure.memory import peak_resident_bytes
from benchmarks.measure.results import Figure, Machine, publish
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import Bundle, load_bundle
from device_runtime.bundle.signing_keys import KeyFileError
from device_runtime.simulation.fleet.plan import FleetPlan
from device_runtime.simulation.fleet.simulate import assign_users, simulate_fleet
from device_runtime.simulation.fleet.timeline import TimelineKeys, TimelineStore
from device_runtime.simulation.held_out import SimulatedUser
from device_runtime.simulation.report import CorpusInfo
from federated.corpus.synthetic.generate import synthetic_corpus

MB = 1_000_000
_USERS, _MESSAGES = 500, 60
_EVERY = 50  # phones between two measurements of the memory


class Watch:
    """Called after each phone. `peaks`: the peak memory of the worker process, in bytes, every `_EVERY` phones."""

    def __init__(self) -> None:
        self.peaks: list[int] = []
        self.first_back = 0.0

    def __call__(self, phone: int) -> None:
        if phone == 0:
            self.first_back = time.perf_counter()  # excludes the start of the worker from the time
        if phone % _EVERY == 0:
            (process,) = multiprocessing.active_children()
            assert process.pid is not None
            self.peaks.append(peak_resident_bytes(process.pid))


def main(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a folder, or a zip of it.")],
    public_key: Annotated[Path, typer.Option(help="The public key that verifies the bundle.")],
    population: Annotated[int, typer.Option(min=2, help="Phones.")] = 10_000,
    days: Annotated[int, typer.Option(min=1, help="Simulated days of each phone.")] = 1,
    words_a_day: Annotated[int, typer.Option(min=1, help="Words tested on each phone-day.")] = 1,
    simulated: Annotated[int | None, typer.Option(min=2, help="Phones that really live; by default all.")] = None,
) -> None:
    """Measures a fleet's memory and speed."""
    machine = Machine.now()
    try:
        opened = load_bundle(bundle, public_key)
    except (BundleError, KeyFileError) as error:
        raise SystemExit(str(error)) from error
    users = _synthetic_users()
    plan, watch = FleetPlan(population, days, words_a_day=words_a_day), Watch()
    lived = min(simulated or population, population)
    with tempfile.TemporaryDirectory() as scratch:
        common: dict[str, Any] = {
            "corpus": CorpusInfo(id="", description="synthetic", synthetic=True),
            "folder": Path(scratch),
            "workers": 1,
        }
        report = simulate_fleet(
            [opened],
            list(users),
            users.__getitem__,
            dataclasses.replace(plan, population=lived),
            progress=watch,
            **common,
        )
        seconds = time.perf_counter() - watch.first_back
        if lived < population:
            _store_copies(Path(scratch), opened, users, plan, lived)
            report = simulate_fleet([opened], list(users), users.__getitem__, plan, **common)
        stored = (Path(scratch) / "lives.jsonl").stat().st_size
    living, handing = watch.peaks[-1], peak_resident_bytes(os.getpid())
    each = 1000 * seconds / ((lived - 1) * days)
    publish(
        "fleet",
        [
            Figure(
                "living", f"the process in which {lived:,} phones live, peak resident", living / MB, "MB", at_most=1000
            ),
            Figure(
                "both",
                f"this process and the one that collects the results of {population:,}",
                (living + handing) / MB,
                "MB",
                at_most=1000,
            ),
            Figure("phone_day", "a phone-day on one core", each, "ms"),
            Figure("stored", "a phone's life on disk", stored / population, "bytes"),
        ],
        {
            "population": population,
            "simulated": lived,
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


def _store_copies(folder: Path, bundle: Bundle, users: dict[str, SimulatedUser], plan: FleetPlan, lived: int) -> None:
    """Stores the lives of the first phones as those of the others, as if an earlier run had simulated these."""
    keys, names = TimelineKeys([bundle], plan), list(users)
    owners = [users[names[user]] for user in assign_users(len(names), plan.population, plan.seed)]
    with TimelineStore(folder) as store:
        lives = [store.read(keys.key(phone, owners[phone])) for phone in range(lived)]
        for phone in range(lived, plan.population):
            copied = lives[phone % lived].model_copy(update={"phone": phone, "user_id": owners[phone].user_id})
            store.add(keys.key(phone, owners[phone]), copied)


def _synthetic_users() -> dict[str, SimulatedUser]:
    """Returns synthetic users whose messages have no times, so that drawn times fall on the first days."""
    texts_of: dict[str, list[str]] = {}
    for record in synthetic_corpus(_USERS, (_MESSAGES, _MESSAGES)):
        texts_of.setdefault(record.user_id, []).append(record.text)
    return {name: SimulatedUser(name, [(None, text) for text in texts]) for name, texts in texts_of.items()}


if __name__ == "__main__":
    typer.run(main)
