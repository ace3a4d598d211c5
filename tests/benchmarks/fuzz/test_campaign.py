"""The fuzzer finds what is planted, continues where it stopped, and finds nothing in a clean target."""

from __future__ import annotations

import logging
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.fuzz.campaign import Campaign
from benchmarks.fuzz.findings import load_input, minimized
from benchmarks.fuzz.keeper import Keeper
from benchmarks.fuzz.target import Input, Limits, ViolationError

PATIENT = Limits(cpu_seconds=60, wall_seconds=60)


class Planted:
    """A target that does `harm` on one input of ten."""

    name = "planted"

    def __init__(self, harm: Callable[[], object]) -> None:
        self.harm = harm

    def make(self, chance: random.Random) -> Input:
        return {"text": (b"harm" if chance.random() < 0.1 else b"fine") + chance.randbytes(20)}

    def start(self) -> None:
        pass

    def run(self, given: Input, folder: Path) -> bool:
        if given["text"].startswith(b"harm"):
            self.harm()
        return True


def hang() -> None:
    while True:
        pass


def hog() -> None:
    hoard = []
    while True:
        hoard.append(bytes(range(256)) * 4096)
        time.sleep(0.001)


def violate() -> None:
    raise ViolationError("a promise is broken")


def log_a_traceback() -> None:
    try:
        raise LookupError("inside")
    except LookupError:
        logging.getLogger("planted").exception("went on")


def nothing() -> None:
    pass


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(3)


def raise_a_key_error() -> None:
    raise KeyError("missing")


def wait() -> None:
    time.sleep(60)


HARMS = [
    (crash, PATIENT, "crash: SIGSEGV"),
    (leave, PATIENT, "crash: exit status 3"),
    (raise_a_key_error, PATIENT, "KeyError in "),
    (hang, replace(PATIENT, cpu_seconds=0.1), "hang"),
    (wait, replace(PATIENT, wall_seconds=0.5), "waits"),
    (hog, replace(PATIENT, memory=60 * 2**20), "memory"),
    (violate, PATIENT, "violation: a promise is broken"),
    (log_a_traceback, PATIENT, "log: LookupError"),
]


@pytest.mark.parametrize(("harm", "limits", "place"), HARMS, ids=[place for *_, place in HARMS])
def test_planted_harm_is_found(tmp_path: Path, harm: Callable[[], object], limits: Limits, place: str) -> None:
    keeper = Keeper(Planted(harm), tmp_path, limits, "forkserver")
    found = keeper.run({"text": b"harm"})
    assert found.reason and found.place.startswith(place)
    keeper.stop()


def test_a_child_that_died_is_replaced(tmp_path: Path) -> None:
    keeper = Keeper(Planted(crash), tmp_path, PATIENT, "forkserver")
    assert [keeper.run({"text": text}).place for text in (b"fine", b"harm", b"fine")] == ["", "crash: SIGSEGV", ""]
    keeper.stop()


def test_a_clean_target_has_no_findings(tmp_path: Path) -> None:
    campaign = Campaign.open(tmp_path, seed=0)
    campaign.run([Planted(nothing)], seconds=60, jobs=2, cases=40, limits=PATIENT, start_method="forkserver")
    assert not campaign.findings
    assert campaign.tallies["planted"].cases == campaign.tallies["planted"].accepted == 40


def test_a_campaign_saves_each_kind_of_finding_once_and_continues(tmp_path: Path) -> None:
    target = Planted(violate)
    for cases in (20, 60):
        campaign = Campaign.open(tmp_path, seed=0)
        campaign.run([target], seconds=60, jobs=1, cases=cases, limits=PATIENT, start_method="forkserver")
        assert campaign.tallies["planted"].cases == cases
    (finding,) = Campaign.open(tmp_path, seed=0).findings.values()
    assert finding.times > 1
    (saved,) = tmp_path.glob("planted-*")
    assert load_input(saved) == ("planted", {"text": b"harm"})  # minimized
    assert campaign.make(target, finding.number)["text"].startswith(b"harm")
    assert not Campaign.open(tmp_path, seed=1).tallies  # another seed begins anew


def test_ctrl_c_ends_a_campaign_and_keeps_what_it_did(tmp_path: Path) -> None:
    def interrupt(campaign: Campaign) -> None:
        if campaign.tallies["planted"].cases >= 5:
            raise KeyboardInterrupt

    campaign = Campaign.open(tmp_path, seed=0)
    campaign.run([Planted(nothing)], 60, 1, limits=PATIENT, progress=interrupt, start_method="forkserver")
    assert Campaign.open(tmp_path, seed=0).tallies["planted"].cases >= 5


def test_minimizing_keeps_what_is_needed() -> None:
    def fails(tried: Input) -> bool:
        return b"x" in tried["one"] and b"y" in tried["two"]

    assert minimized({"one": b"a" * 90 + b"x" + b"b" * 37, "two": b"y"}, fails) == {"one": b"x", "two": b"y"}
