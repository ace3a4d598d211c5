from __future__ import annotations

from pathlib import Path

import pytest

from api.page.fleet import FleetFilesError, load_fleet
from device_runtime.bundle.loader import load_bundle
from device_runtime.simulation.fleet.report import write_fleet_report
from device_runtime.simulation.report import ReportError, write_report
from tests.support.device_runtime.simulation.fleet_report import make_fleet_report
from tests.support.device_runtime.simulation.report import make_report


def test_reads_both_files_without_names(tmp_path: Path, tiny_bundle: Path, tiny_public_key: Path) -> None:
    write_report(tmp_path / "report.json", make_report())
    write_fleet_report(tmp_path / "fleet.json", make_fleet_report([load_bundle(tiny_bundle, tiny_public_key)]))
    fleet = load_fleet(tmp_path)
    assert fleet.people is not None and fleet.days is not None and fleet.synthetic
    assert fleet.people.gains == pytest.approx([10, 0, -5])
    assert (fleet.people.likely_hurt, fleet.people.hurt) == (0, pytest.approx(1 / 3))
    assert fleet.people.adapter_bytes == [19000] * 3 and fleet.people.without_adapter == 0
    # Ann's recalls are 1/4 and 2/4 on the first day, Bob's 1 and 0; no one types on the third.
    assert [(day.day, day.phones) for day in fleet.days.days] == [(0, 2), (1, 1), (2, 0)]
    assert fleet.days.days[0].shared == pytest.approx(0.625) and fleet.days.days[0].personal == pytest.approx(0.25)
    assert fleet.days.days[2].shared is None
    assert not {"ann", "bob", "user-0"} & set(fleet.model_dump_json().split('"'))


def test_reads_one_file_without_the_other(tmp_path: Path) -> None:
    write_report(tmp_path / "report.json", make_report())
    fleet = load_fleet(tmp_path)
    assert fleet.people is not None and fleet.days is None and not fleet.synthetic


def test_rejects_a_folder_without_either_file(tmp_path: Path) -> None:
    with pytest.raises(FleetFilesError, match="thumbprint simulate"):
        load_fleet(tmp_path)
    with pytest.raises(FleetFilesError, match="nowhere"):
        load_fleet(tmp_path / "nowhere")


def test_an_error_names_the_broken_file(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(ReportError, match=r"report\.json is not a report"):
        load_fleet(tmp_path)
    (tmp_path / "report.json").unlink()
    (tmp_path / "fleet.json").write_text("[")
    with pytest.raises(ReportError, match=r"fleet\.json is not a report"):
        load_fleet(tmp_path)
