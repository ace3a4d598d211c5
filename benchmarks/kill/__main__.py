"""The kill loops: `python -m benchmarks.kill --kills 2000`.

Phones and services work in forked children that are killed with SIGKILL at random instants, again and again in the same
folder. After each kill, what was acknowledged is there exactly once, what was under way is there once or not at all,
and no forgotten word stands in any byte of the folder. The exit code is 1 if one of this did not hold; the folder
then stays in `--out`, and the same seed and number kill again at about the same place.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.kill.phone import PhoneKills
from benchmarks.kill.process import Violation
from benchmarks.kill.service import ServiceKills
from benchmarks.material.material import make_material
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine

_KILLS_PER_FOLDER = 25
_SHOWN_EVERY = 50


def main(
    kills: Annotated[int, typer.Option(min=1, help="Kills in all.")] = 2_000,
    service_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the kills that hit the service.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Decides what is done, and about when the kill comes.")] = 0,
    out: Annotated[Path, typer.Option(help="The folder of the phones and of the services' data.")] = Path("runs/kill"),
    bundle: Annotated[Path | None, typer.Option(help="The bundle; without it, a small untrained one.")] = None,
) -> None:
    """Kills phones and the service at random instants, and compares what is there afterwards."""
    console = Console()
    material = make_material(out / "material", bundle)
    engine = Engine(load_bundle(material.bundle, material.public_key))
    loops: dict[str, PhoneKills | ServiceKills] = {
        "phone": PhoneKills(engine, out / "phone"),
        "service": ServiceKills(material, out / "service"),
    }
    numbers = {"service": round(kills * service_share)}
    numbers["phone"] = kills - numbers["service"]
    done, seconds, found = dict.fromkeys(loops, 0), dict.fromkeys(loops, 0.0), dict.fromkeys(loops, 0)
    for name, loop in loops.items():
        began, anew = time.monotonic(), True
        try:
            for number in range(numbers[name]):
                if anew or number % _KILLS_PER_FOLDER == 0:
                    loop.begin_anew()
                anew = False
                try:
                    loop.kill(number, seed)
                except Violation as violation:
                    found[name] += 1
                    anew = True  # a folder in which something was wrong is not used again
                    console.print(f"{name}, kill {number}: {violation}", markup=False, highlight=False)
                    shutil.copytree(loop.folder, out / f"violation-{name}-{number}", dirs_exist_ok=True)
                done[name] = number + 1
                if done[name] % _SHOWN_EVERY == 0:
                    console.print(f"{name}: {done[name]:,} of {numbers[name]:,} kills, {found[name]} violations")
        except KeyboardInterrupt:
            pass
        seconds[name] = time.monotonic() - began
    table = Table("", "kills", "under way and there", "violations", "seconds")
    for name, loop in loops.items():
        table.add_row(name, f"{done[name]:,}", f"{loop.under_way:,}", f"{found[name]}", f"{seconds[name]:.0f}")
    console.print(table)
    raise SystemExit(1 if any(found.values()) else 0)


if __name__ == "__main__":
    typer.run(main)
