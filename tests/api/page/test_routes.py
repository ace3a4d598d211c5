from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from api.page.routes import ASSETS, FleetFilesError, load_fleet
from device_runtime.bundle.loader import load_bundle
from device_runtime.simulation.fleet.report import write_fleet_report
from device_runtime.simulation.report import ReportError, write_report
from tests.support.api.serving import Serving
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


DIRECTIVES = ("default-src 'none'", "script-src 'self'", "connect-src 'self'", "require-trusted-types-for 'script'")


def test_the_page_and_all_its_files_are_served(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    linked = set(re.findall(r'(?:src|href)="(/[^"]*)"', page.text))
    assert linked >= {"/page/main.js", "/page/page.css"}
    for path in linked:
        assert client.get(path).status_code == 200, path


def test_every_imported_module_is_served() -> None:
    for path, asset in ASSETS.items():
        for imported in re.findall(r'from "\./([a-z_]+\.js)"', asset.content.decode()):
            assert f"/page/{imported}" in ASSETS, (path, imported)


def test_the_page_loads_nothing_from_other_hosts() -> None:
    for path, asset in ASSETS.items():
        found = set(re.findall(r"https?://[^\s\"')]+", asset.content.decode()))
        assert found <= {"http://www.w3.org/2000/svg"}, path  # SVG's namespace, not an address


def test_the_content_security_policy_is_strict(client: httpx.Client) -> None:
    for path in ASSETS:
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert all(each in policy for each in DIRECTIVES) and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"


def test_does_not_send_a_file_that_the_browser_has(client: httpx.Client) -> None:
    first = client.get("/page/main.js")
    again = client.get("/page/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    assert client.head("/page/main.js").headers["content-length"] == first.headers["content-length"]


def test_the_files_need_no_key_and_the_fleet_does(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path, insecure=False) as client:
        assert {client.get(path).status_code for path in ASSETS} == {200}
        assert client.get("/page/nothing.js").status_code == 401
        assert client.get("/page/../v1/devices").status_code == 401
        assert client.get("/v1/fleet").status_code == 401


def test_without_a_simulation_the_fleet_is_empty(client: httpx.Client) -> None:
    assert client.get("/v1/fleet").json() == {"synthetic": False, "people": None, "days": None}
