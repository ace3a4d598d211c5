"""What a target of the fuzzer is: it makes inputs, and runs them in a child process."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Input = Mapping[str, bytes]
"""One input: the bytes of its files by name. Names have no folder."""


class ViolationError(Exception):
    """The program accepted an input that it must refuse, or broke a promise about its result."""


class Target(Protocol):
    """One part of the program that reads what others wrote."""

    @property
    def name(self) -> str: ...

    def make(self, chance: random.Random) -> Input:
        """Returns an input. The same `chance` gives the same input. Runs in the parent process."""

    def start(self) -> None:
        """Prepares a child process, before its first input."""

    def run(self, given: Input, folder: Path) -> bool:
        """Gives an input to the program. Runs in a child process.

        Args:
            given: The input.
            folder: An empty folder, deleted afterwards.

        Returns:
            Whether the program accepted the input; False = it refused it with its documented error.

        Raises:
            ViolationError: it broke a promise. Any other exception is a finding too.
        """


@dataclass(frozen=True)
class Limits:
    """What one input may cost.

    Attributes:
        cpu_seconds: Processor time of the child. Past it, the input hangs the program. Wall-clock time would
            blame the program for the other work of the machine.
        wall_seconds: Time until the answer, for a program that waits without computing.
        memory: Resident bytes of the child and its children beyond the baseline, which is measured after `start`.
    """

    cpu_seconds: float = 2.0
    wall_seconds: float = 30.0
    memory: int = 500 * 1024 * 1024
