"""Phones live in another process: what it holds, and whose fault it is where one cannot."""

from __future__ import annotations

import functools
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from device_runtime.bundle.loader import Bundle
from device_runtime.inference.engine import Engine
from device_runtime.simulation.fleet.daily_counts import DeviceTimeline
from device_runtime.simulation.fleet.device_timeline import Owner, simulate_device
from device_runtime.simulation.fleet.world.plan import FleetPlan
from device_runtime.simulation.report import FailedUser
from device_runtime.simulation.trial_queue import MACHINE_ERRORS, failure

_MACHINE_ERRORS = (*MACHINE_ERRORS, sqlite3.Error)

_bundles: Sequence[Bundle]  # of this process, set as it starts


def initialize(bundles: Sequence[Bundle]) -> None:
    """Makes these the bundles of this process's phones; an engine of each is made when it is first needed."""
    global _bundles
    _bundles = bundles
    _engine.cache_clear()


def run_device(owner: Owner, folder: Path, plan: FleetPlan) -> DeviceTimeline | FailedUser:
    """Lets a phone live in `folder`, which is gone afterwards: what people wrote is not left behind.

    Returns:
        Its life, or who it was where their messages broke it.

    Raises:
        BundleError: the model does not run.
        OSError, MemoryError: the machine cannot go on.
    """
    _engine(0)  # a model that does not run is no user's fault
    shutil.rmtree(folder, ignore_errors=True)  # a phone that an earlier run left half-way
    try:
        return simulate_device(_engine, len(_bundles), owner, plan, folder)
    except Exception as error:
        if _of_the_machine(error):
            raise OSError(str(error)) from error
        return failure(owner.user, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _engine(bundle: int) -> Engine:
    return Engine(_bundles[bundle], num_threads=1)


def _of_the_machine(error: BaseException | None) -> bool:
    """Whether it comes of the machine, never of one person's messages: such an error ends the simulation."""
    while error is not None and not isinstance(error, _MACHINE_ERRORS):
        error = error.__cause__
    return error is not None
