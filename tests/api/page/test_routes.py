from __future__ import annotations

import re
from pathlib import Path

import httpx

from api.page.routes import ASSETS
from tests.support.api.serving import Serving

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
