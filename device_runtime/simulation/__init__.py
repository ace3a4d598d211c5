"""Phones for the users of a corpus, on one machine: what would personalization do for them?

Start here:

    simulate             one phone for each user: it learns from the first messages and predicts the last
    SimulatedUser        a user and their messages, oldest first
    Report, load_report  the result, as `report.json` holds it
    simulate_fleet       phones through simulated days: typing, charging, adapting, updates
    FleetPlan            how many phones, for how many days
    FleetReport, load_fleet_report   the result, as `fleet.json` holds it

All names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyboard_model.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from device_runtime.simulation.fleet.plan import FleetPlan
    from device_runtime.simulation.fleet.report import FleetReport, load_fleet_report
    from device_runtime.simulation.fleet.simulate import simulate_fleet
    from device_runtime.simulation.held_out import SimulatedUser
    from device_runtime.simulation.report import CorpusInfo, Report, ReportError, load_report
    from device_runtime.simulation.simulator import simulate
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "device_runtime.simulation.fleet.report": ("FleetReport", "load_fleet_report"),
            "device_runtime.simulation.fleet.simulate": ("simulate_fleet",),
            "device_runtime.simulation.fleet.plan": ("FleetPlan",),
            "device_runtime.simulation.held_out": ("SimulatedUser",),
            "device_runtime.simulation.report": ("CorpusInfo", "Report", "ReportError", "load_report"),
            "device_runtime.simulation.simulator": ("simulate",),
        },
    )

__all__ = [
    "CorpusInfo",
    "FleetPlan",
    "FleetReport",
    "Report",
    "ReportError",
    "SimulatedUser",
    "load_fleet_report",
    "load_report",
    "simulate",
    "simulate_fleet",
]
