"""Adds up the timelines of a fleet one at a time.

Memory does not grow with the number of days. It grows by about 50 bytes a phone: the spreads over phones have exact
quantiles, which need each phone's recalls, and intervals, which need its owner.
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from device_runtime.bundle.loader import Bundle
from device_runtime.simulation.fleet.plan import FleetPlan
from device_runtime.simulation.fleet.report import (
    DayRow,
    FleetReport,
    PhoneSpread,
    PlanInfo,
    Refusal,
)
from device_runtime.simulation.fleet.timeline import Days, DeviceTimeline
from device_runtime.simulation.report import BundleInfo, CorpusInfo, FailedUser, PooledRecall, Recall, Sizes
from keyboard_model.metrics import Estimate, Spread, gains
from keyboard_model.user_statistics import pooled, spread

_COUNTS = tuple(Days.model_fields)
_HITS = ("shared_at_1", "shared_at_3", "personal_at_1", "personal_at_3")


class FleetAggregate:
    """Sums by day and by user, and for each phone only its owner, its four recalls and the size of its adapter."""

    def __init__(self, plan: FleetPlan) -> None:
        self._plan = plan
        self._sums = {name: np.zeros(plan.days, np.int64) for name in _COUNTS}
        self._recall_sums = {name: np.zeros(plan.days) for name in _HITS}
        self._phones_tested = np.zeros(plan.days, np.int64)
        self._new_bundle = np.zeros(plan.days, np.int64)
        self._phone_recalls = {name: array("d") for name in _HITS}
        self._owners: list[str] = []
        self._user_sums: dict[str, dict[str, int]] = {}
        self._adapter_sizes = array("q")
        self._user_ids: set[str] = set()
        self._refused: Counter[str] = Counter()
        self._turned_down: Counter[str] = Counter()
        self._phones = self._own_times = self._wrong_clocks = 0
        self._seconds = 0.0
        self._failed: list[FailedUser] = []

    def add(self, timeline: DeviceTimeline) -> None:
        """Adds the timeline of one phone."""
        counts = {name: np.array(getattr(timeline.days, name), np.int64) for name in _COUNTS}
        tested = counts["words"] > 0
        for name in _COUNTS:
            self._sums[name] += counts[name]
        for name in _HITS:
            self._recall_sums[name][tested] += counts[name][tested] / counts["words"][tested]
            if tested.any():
                self._phone_recalls[name].append(float(counts[name].sum() / counts["words"].sum()))
        if tested.any():
            self._owners.append(sys.intern(timeline.user_id))
            sums = self._user_sums.setdefault(timeline.user_id, dict.fromkeys(("words", *_HITS), 0))
            for name in sums:
                sums[name] += int(counts[name].sum())
        self._phones_tested += tested
        if timeline.new_bundle_day is not None:
            self._new_bundle[timeline.new_bundle_day :] += 1
        if timeline.adapter_bytes:
            self._adapter_sizes.append(timeline.adapter_bytes)
        self._user_ids.add(timeline.user_id)
        self._refused.update(timeline.refused)
        self._turned_down.update(timeline.turned_down)
        self._phones += 1
        self._own_times += timeline.own_times
        self._wrong_clocks += not timeline.clock_right
        self._seconds += timeline.adaptation_seconds

    def add_failed(self, failed: FailedUser) -> None:
        """Adds a phone whose owner's messages caused an error."""
        self._failed.append(failed)

    def report(self, bundles: Sequence[Bundle], corpus: CorpusInfo) -> FleetReport:
        """Returns the report of the timelines added so far. `bundles`: the first, and the second if there is one."""
        adaptations = int(self._sums["adapted"].sum())
        sizes = self._adapter_sizes
        return FleetReport(
            bundle=_info(bundles[0]),
            next_bundle=_info(bundles[1]) if len(bundles) > 1 else None,
            corpus=corpus,
            plan=PlanInfo(**asdict(self._plan)),
            phones=self._phones + len(self._failed),
            users=len(self._user_ids),
            phones_by_own_times=self._own_times,
            phones_with_wrong_clocks=self._wrong_clocks,
            shared=self._keyboard("shared"),
            personal=self._keyboard("personal"),
            gain=self._spread(gains(self._phone_recalls["personal_at_3"], self._phone_recalls["shared_at_3"])),
            days=tuple(self._day(day) for day in range(self._plan.days)),
            refusals=(*_refusals("policy", self._refused), *_refusals("gate", self._turned_down)),
            adaptations=adaptations,
            adaptation_seconds=self._seconds / adaptations if adaptations else None,
            adapter_bytes=Sizes(p50=round(float(np.median(sizes))) if sizes else None, max=max(sizes, default=None)),
            phones_with_adapter=len(sizes),
            failed=tuple(self._failed),
        )

    def _keyboard(self, keyboard: str) -> PhoneSpread:
        at_1, at_3 = f"{keyboard}_at_1", f"{keyboard}_at_3"
        return PhoneSpread(
            recall_at_1=self._spread(self._phone_recalls[at_1]),
            recall_at_3=self._spread(self._phone_recalls[at_3]),
            pooled=PooledRecall(recall_at_1=self._pooled(at_1), recall_at_3=self._pooled(at_3)),
        )

    def _spread(self, values: Sequence[float]) -> Spread:
        return spread(values, users=self._owners)

    def _pooled(self, hits: str) -> Estimate | None:
        users = self._user_sums.values()
        return pooled([sums[hits] for sums in users], [sums["words"] for sums in users])

    def _day(self, day: int) -> DayRow:
        sums = {name: int(values[day]) for name, values in self._sums.items()}
        recalls = {name: float(values[day]) for name, values in self._recall_sums.items()}
        phones = int(self._phones_tested[day])
        return DayRow(
            day=day,
            phones=phones,
            words=sums["words"],
            typed=sums["typed"],
            missed=sums["missed"],
            adaptations=sums["adapted"],
            kept=sums["kept"],
            new_bundle=int(self._new_bundle[day]),
            shared=_recall(recalls["shared_at_1"], recalls["shared_at_3"], phones),
            personal=_recall(recalls["personal_at_1"], recalls["personal_at_3"], phones),
            shared_pooled=_recall(sums["shared_at_1"], sums["shared_at_3"], sums["words"]),
            personal_pooled=_recall(sums["personal_at_1"], sums["personal_at_3"], sums["words"]),
        )


def _recall(at_1: float, at_3: float, total: int) -> Recall | None:
    return Recall(recall_at_1=float(at_1 / total), recall_at_3=float(at_3 / total)) if total else None


def _info(bundle: Bundle) -> BundleInfo:
    manifest = bundle.manifest
    return BundleInfo(name=manifest.name, model_id=manifest.model_id, synthetic=manifest.provenance.synthetic)


def _refusals(by: str, times: Counter[str]) -> list[Refusal]:
    return [
        Refusal.model_validate({"by": by, "reason": reason, "times": count})
        for reason, count in sorted(times.items(), key=lambda item: (-item[1], item[0]))
    ]
