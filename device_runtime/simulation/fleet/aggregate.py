"""Lives added up as they come, so that a fleet's memory does not grow with its days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from device_runtime.bundle.loader import Bundle
from device_runtime.simulation.fleet.plan import FleetPlan
from device_runtime.simulation.fleet.report import DayRow, FleetReport, PhoneSpread, PlanInfo, Recall, Refusal
from device_runtime.simulation.fleet.timeline import Days, DeviceTimeline
from device_runtime.simulation.report import BundleInfo, CorpusInfo, FailedUser, Sizes
from keyboard_model.metrics import gains, spread

_COUNTS = tuple(Days.model_fields)
_HITS = ("shared_at_1", "shared_at_3", "personal_at_1", "personal_at_3")
Floats = npt.NDArray[np.float64]


class FleetAggregate:
    """The fleet so far: sums by day, and of each phone no more than its four shares."""

    def __init__(self, plan: FleetPlan) -> None:
        self._plan = plan
        self._sums = {name: np.zeros(plan.days, np.int64) for name in _COUNTS}
        self._shares = {name: np.zeros(plan.days) for name in _HITS}
        self._tested = np.zeros(plan.days, np.int64)
        self._new_bundle = np.zeros(plan.days, np.int64)
        self._of_phones: dict[str, list[float]] = {name: [] for name in _HITS}
        self._sizes: list[int] = []
        self._people: set[str] = set()
        self._refused: Counter[str] = Counter()
        self._turned_down: Counter[str] = Counter()
        self._phones = self._own_times = self._wrong_clocks = 0
        self._seconds = 0.0
        self._failed: list[FailedUser] = []

    def add(self, life: DeviceTimeline) -> None:
        """Counts one life."""
        counts = {name: np.array(getattr(life.days, name), np.int64) for name in _COUNTS}
        tested = counts["words"] > 0
        for name in _COUNTS:
            self._sums[name] += counts[name]
        for name in _HITS:
            self._shares[name][tested] += counts[name][tested] / counts["words"][tested]
            if tested.any():
                self._of_phones[name].append(float(counts[name].sum() / counts["words"].sum()))
        self._tested += tested
        if life.new_bundle_day is not None:
            self._new_bundle[life.new_bundle_day :] += 1
        if life.adapter_bytes:
            self._sizes.append(life.adapter_bytes)
        self._people.add(life.user_id)
        self._refused.update(life.refused)
        self._turned_down.update(life.turned_down)
        self._phones += 1
        self._own_times += life.own_times
        self._wrong_clocks += not life.clock_right
        self._seconds += life.adaptation_seconds

    def add_failed(self, failed: FailedUser) -> None:
        """Counts a phone whose owner's messages broke it."""
        self._failed.append(failed)

    def report(self, bundles: Sequence[Bundle], corpus: CorpusInfo) -> FleetReport:
        """Returns what the fleet came to; `bundles`: the first and, where there is one, the second."""
        adaptations = int(self._sums["adapted"].sum())
        sizes = self._sizes
        return FleetReport(
            bundle=_info(bundles[0]),
            next_bundle=_info(bundles[1]) if len(bundles) > 1 else None,
            corpus=corpus,
            plan=PlanInfo(**asdict(self._plan)),
            phones=self._phones + len(self._failed),
            people=len(self._people),
            phones_by_own_times=self._own_times,
            phones_with_wrong_clocks=self._wrong_clocks,
            shared=self._spread("shared"),
            personal=self._spread("personal"),
            gain=spread(gains(self._of_phones["personal_at_3"], self._of_phones["shared_at_3"])),
            days=tuple(self._day(day) for day in range(self._plan.days)),
            refusals=(*_refusals("policy", self._refused), *_refusals("gate", self._turned_down)),
            adaptations=adaptations,
            adaptation_seconds=self._seconds / adaptations if adaptations else None,
            adapter_bytes=Sizes(p50=round(float(np.median(sizes))) if sizes else None, max=max(sizes, default=None)),
            phones_with_adapter=len(sizes),
            failed=tuple(self._failed),
        )

    def _spread(self, keyboard: str) -> PhoneSpread:
        at_1, at_3 = f"{keyboard}_at_1", f"{keyboard}_at_3"
        return PhoneSpread(
            recall_at_1=spread(self._of_phones[at_1]),
            recall_at_3=spread(self._of_phones[at_3]),
            pooled=_recall(self._sums[at_1].sum(), self._sums[at_3].sum(), self._sums["words"].sum()),
        )

    def _day(self, day: int) -> DayRow:
        sums = {name: int(values[day]) for name, values in self._sums.items()}
        shares = {name: float(values[day]) for name, values in self._shares.items()}
        phones = int(self._tested[day])
        return DayRow(
            day=day,
            phones=phones,
            words=sums["words"],
            typed=sums["typed"],
            missed=sums["missed"],
            adaptations=sums["adapted"],
            kept=sums["kept"],
            new_bundle=int(self._new_bundle[day]),
            shared=_recall(shares["shared_at_1"], shares["shared_at_3"], phones),
            personal=_recall(shares["personal_at_1"], shares["personal_at_3"], phones),
            shared_pooled=_recall(sums["shared_at_1"], sums["shared_at_3"], sums["words"]),
            personal_pooled=_recall(sums["personal_at_1"], sums["personal_at_3"], sums["words"]),
        )


def _recall(at_1: float, at_3: float, of: int) -> Recall | None:
    return Recall(recall_at_1=float(at_1 / of), recall_at_3=float(at_3 / of)) if of else None


def _info(bundle: Bundle) -> BundleInfo:
    manifest = bundle.manifest
    return BundleInfo(name=manifest.name, model_id=manifest.model_id, synthetic=manifest.provenance.synthetic)


def _refusals(by: str, times: Counter[str]) -> list[Refusal]:
    return [
        Refusal.model_validate({"by": by, "reason": reason, "times": count})
        for reason, count in sorted(times.items(), key=lambda item: (-item[1], item[0]))
    ]
