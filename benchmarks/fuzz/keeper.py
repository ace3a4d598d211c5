"""The parent's side of one child: gives it inputs, watches its limits, and replaces it when it dies."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from benchmarks.fuzz.child import Report, serve
from benchmarks.fuzz.target import Input, Limits, Target
from benchmarks.measure.memory import family_bytes, resident_bytes

StartMethod = Literal["fork", "forkserver"]

_CASES_PER_CHILD = 2_000
"""A child is replaced after so many inputs, so that what they leave behind does not add up."""
_START_SECONDS = 120.0
_QUICK_SECONDS = 0.3
"""The memory of an input is read from this time on: a shorter input cannot touch so much memory."""


class Keeper:
    """One target's child. Use `give`, then `ask` until it returns a report."""

    def __init__(self, target: Target, folder: Path, limits: Limits, start_method: StartMethod = "fork") -> None:
        """Makes a keeper without a child.

        Args:
            target: What to run.
            folder: Where the child's log lies.
            limits: What one input may cost.
            start_method: "forkserver" if this process has threads, which a forked child would wait for.
        """
        self.target = target
        self._context = multiprocessing.get_context(start_method)
        self.busy = False
        self._limits = limits
        self._log = folder / f"{target.name}.log"
        self._process: multiprocessing.process.BaseProcess | None = None
        self._cases = 0

    @property
    def connection(self) -> Connection:
        """The pipe that becomes readable when the child has answered or died."""
        return self._pipe

    def give(self, given: Input) -> None:
        """Gives an input to the child, which is started if there is none."""
        if self._process is None or self._cases >= _CASES_PER_CHILD:
            self.stop()
            self._start()
        self._cases += 1
        self._began = time.monotonic()
        self._cpu_before = _cpu_seconds(self._pid)
        self.busy = True
        with contextlib.suppress(OSError):  # a child that died meanwhile is reported by `ask`
            self._pipe.send(dict(given))

    def ask(self) -> Report | None:
        """Returns the report of the input; None = the child still works on it, within its limits."""
        if self._pipe.poll():
            return self._answered()
        past = time.monotonic() - self._began
        with contextlib.suppress(OSError):  # it dies at this moment: the pipe says so next time
            if past > _QUICK_SECONDS and (memory := self._memory_beyond()) > self._limits.memory:
                return self._ended(f"memory: {memory / 2**20:.0f} MB beyond the baseline", "memory")
            if (cpu := _cpu_seconds(self._pid) - self._cpu_before) > self._limits.cpu_seconds:
                return self._ended(f"hang: no answer after {cpu:.1f} s of processor time", "hang")
        if past > self._limits.wall_seconds:
            return self._ended(f"hang: no answer after {past:.0f} s, without computing", "waits")
        return None

    def run(self, given: Input) -> Report:
        """Runs one input and waits for its report."""
        self.give(given)
        while (report := self.ask()) is None:
            self._pipe.poll(0.02)
        return report

    def stop(self) -> None:
        """Ends the child."""
        self.busy = False
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._pipe.close()
            self._process = None

    @property
    def _pid(self) -> int:
        assert self._process is not None and self._process.pid is not None
        return self._process.pid

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=serve, args=(self.target, theirs, self._log))  # type: ignore[attr-defined]
        self._process.start()
        theirs.close()
        self._cases = 0
        if not self._pipe.poll(_START_SECONDS):
            raise SystemExit(f"the target {self.target.name} did not start in {_START_SECONDS:.0f} s")
        try:
            self._pipe.recv()
        except EOFError:
            raise SystemExit(f"the target {self.target.name} did not start: {self._log.read_text()}") from None
        self._baseline = family_bytes(self._pid, resident_bytes)

    def _answered(self) -> Report:
        try:
            report: Report = self._pipe.recv()
        except (EOFError, OSError):
            return self._died()
        self.busy = False
        if time.monotonic() - self._began > _QUICK_SECONDS and (memory := self._memory_beyond()) > self._limits.memory:
            return self._ended(f"memory: {memory / 2**20:.0f} MB beyond the baseline after the input", "memory")
        return report

    def _memory_beyond(self) -> int:
        return family_bytes(self._pid, resident_bytes) - self._baseline

    def _died(self) -> Report:
        assert self._process is not None
        self._process.join()
        code = self._process.exitcode or 0
        self.stop()
        said = self._log.read_text(errors="replace")
        at = said.rfind("Fatal Python error")
        name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return Report(False, f"crash: {name}\n{said[at:][:3000] if at >= 0 else said[-1500:]}", f"crash: {name}")

    def _ended(self, reason: str, place: str) -> Report:
        self.stop()
        return Report(False, reason, place)


def _cpu_seconds(process: int) -> float:
    """Returns the processor seconds of a process, all threads together."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))
