"""Runs targets against the clock, several children at once, and keeps what has been done on disk."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

from benchmarks.fuzz.child import Report
from benchmarks.fuzz.findings import Finding, count_again, load, minimized, save
from benchmarks.fuzz.keeper import Keeper, StartMethod
from benchmarks.fuzz.target import Input, Limits, Target

_STATE = "state.json"
_POLL_SECONDS = 0.05
_KEEP_SECONDS = 5.0


@dataclass
class Tally:
    """What one target has done, over all runs with this seed."""

    cases: int = 0
    accepted: int = 0
    seconds: float = 0.0


@dataclass
class Campaign:
    """A fuzzing run that can be interrupted, and continued with the same seed and folder.

    Attributes:
        folder: Where the state and the findings lie.
        seed: Decides every input together with its number.
        tallies: By target.
        findings: By target and place, as saved.
    """

    folder: Path
    seed: int
    tallies: dict[str, Tally] = field(default_factory=dict)
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, seed: int) -> Campaign:
        """Continues the campaign in `folder` if it has the same seed, and begins one otherwise."""
        folder.mkdir(parents=True, exist_ok=True)
        opened = cls(folder, seed, findings=load(folder))
        state = folder / _STATE
        if state.exists() and (kept := json.loads(state.read_text()))["seed"] == seed:
            opened.tallies = {name: Tally(**tally) for name, tally in kept["targets"].items()}
        return opened

    def run(
        self,
        targets: Sequence[Target],
        seconds: float,
        jobs: int,
        cases: float = math.inf,
        limits: Limits = Limits(),  # noqa: B008 (a frozen value)
        progress: Callable[[Campaign], None] = lambda _: None,
        start_method: StartMethod = "fork",
    ) -> None:
        """Runs until the time is over or Ctrl-C. The target that has had the least time is always next.

        Args:
            targets: What to run.
            seconds: How long, in wall-clock time.
            jobs: How many children work at once. Each target has at most one.
            cases: How many inputs each target gets in all, counted from the beginning of the campaign.
            limits: What one input may cost.
            progress: Called a few times a second.
            start_method: As in `Keeper`.
        """
        for target in targets:
            self.tallies.setdefault(target.name, Tally())
        keepers = [Keeper(target, self.folder, limits, start_method) for target in targets]
        shares = dict.fromkeys(self.tallies, 0.0)
        given: dict[str, tuple[int, Input, float]] = {}
        until, kept = time.monotonic() + seconds, time.monotonic()
        try:
            while time.monotonic() < until:
                waiting = [k for k in keepers if not k.busy and self.tallies[k.target.name].cases < cases]
                if not waiting and not given:
                    break
                idle = sorted(waiting, key=lambda k: shares[k.target.name])
                for keeper in idle[: jobs - len(given)]:
                    given[keeper.target.name] = self._give(keeper)
                wait([keeper.connection for keeper in keepers if keeper.busy], timeout=_POLL_SECONDS)
                for keeper in keepers:
                    name = keeper.target.name
                    if keeper.busy and (report := keeper.ask()) is not None:
                        number, made, began = given.pop(name)
                        self._count(keeper, report, number, made)
                        shares[name] += (took := time.monotonic() - began)
                        self.tallies[name].seconds += took
                progress(self)
                if time.monotonic() - kept > _KEEP_SECONDS:
                    self._keep()
                    kept = time.monotonic()
        except KeyboardInterrupt:  # what was done counts, and the next run continues
            pass
        finally:
            for keeper in keepers:
                keeper.stop()
            self._keep()

    def make(self, target: Target, number: int) -> Input:
        """Returns a target's input of this number."""
        return target.make(random.Random(f"{self.seed}:{target.name}:{number}"))

    def _give(self, keeper: Keeper) -> tuple[int, Input, float]:
        began = time.monotonic()
        number = self.tallies[keeper.target.name].cases
        made = self.make(keeper.target, number)
        keeper.give(made)
        return number, made, began

    def _count(self, keeper: Keeper, report: Report, number: int, made: Input) -> None:
        tally = self.tallies[keeper.target.name]
        tally.cases += 1
        tally.accepted += report.accepted
        if report.reason is None:
            return
        key = keeper.target.name, report.place
        if key in self.findings:
            self.findings[key] = count_again(self.folder, self.findings[key])
            return
        finding = Finding(keeper.target.name, report.place, report.reason, self.seed, number)
        save(self.folder, finding, made)  # before minimizing, which Ctrl-C can interrupt
        self.findings[key] = finding
        if report.place not in ("hang", "waits", "memory"):  # these would take too long
            save(self.folder, finding, minimized(made, lambda tried: keeper.run(tried).place == report.place))

    def _keep(self) -> None:
        state = {"seed": self.seed, "targets": {name: asdict(tally) for name, tally in self.tallies.items()}}
        (self.folder / _STATE).write_text(json.dumps(state, indent=1) + "\n")
