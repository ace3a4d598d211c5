import re
from html.parser import HTMLParser

import pytest

from device_runtime.simulation.report import ReportError
from tests.support.thumbprint.comparison import made_up
from thumbprint.comparison.analysis.report import load_comparison
from thumbprint.comparison.reporting.phrases import conclusion
from thumbprint.comparison.reporting.plots import PICTURES
from thumbprint.comparison.reporting.write import write_comparison

METHODS = ("global_only", "centralized", "fine_tuning", "user_history", "thumbprint", "fine_tuning+q1")
SPARSE = made_up.comparisons_with_little_data()


class _Page(HTMLParser):
    VOID = ("meta", "path", "use", "rect", "line", "br", "image")

    def __init__(self):
        super().__init__()
        self.open, self.loaded, self.ids, self.text, self.cells, self.widths = [], [], [], "", [], []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.loaded += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v[0] != "#"]
        self.ids += [named["id"]] if "id" in named else []
        if tag == "tr":
            self.cells.append(0)
        if tag in ("td", "th"):
            self.cells[-1] += int(named.get("colspan", 1))
            assert tag == "td" or named["scope"] in ("row", "col")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag
        if tag == "table":
            assert len(set(self.cells)) == 1, "every row has as many cells as the head"
            self.cells = []

    def handle_data(self, data):
        self.text += data


def page_of(folder):
    page = _Page()
    page.feed((folder / "report.html").read_text())
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison") / "deep"
    return folder, write_comparison(folder, made_up.comparison(users=40, methods=METHODS))


def test_loads_the_report_that_it_wrote(written):
    folder, report = written
    assert load_comparison(folder / "report.json") == report


def test_writes_all_files_readable_by_their_owner_only(written):
    folder, _ = written
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {"report.json", "report.html", *(f"{name}.{kind}" for name in PICTURES for kind in ("svg", "png"))}
    assert {path.name for path in files} == names
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_page_is_well_formed_loads_nothing_and_has_unique_ids(written):
    page = page_of(written[0])
    assert page.loaded == [] and "@import" not in page.text
    assert len(page.ids) == len(set(page.ids))
    html = (written[0] / "report.html").read_text()
    assert html.startswith("<!doctype html>")
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', html)) <= set(page.ids)


def test_page_begins_with_the_conclusion_and_shows_every_method(written):
    text = page_of(written[0]).text
    for sentence in conclusion(written[1]):
        assert 0 <= text.index(sentence) < text.index("Every method")
    for name in METHODS:
        assert name in text
    assert "SYNTHETIC" not in text


@pytest.mark.parametrize("measured", SPARSE.values(), ids=SPARSE)
def test_reports_comparisons_with_little_or_no_data(measured, tmp_path):
    write_comparison(tmp_path, measured)
    page = page_of(tmp_path)
    assert "no trial finished" in page.text
    assert ("SYNTHETIC" in page.text) == measured.corpus.synthetic
    assert re.findall(r"(?<!order )\b(?:nan|None)\b", page.text) == []  # the setting `order` is None


def test_page_escapes_the_attributes_of_users(tmp_path):
    nasty = "<script>alert(1)</script>"
    measured = made_up.comparison(users=30, methods=("global_only", "ditto"))
    profiles = {user: {nasty: profile["gender"]} for user, profile in measured.profiles.items()}
    write_comparison(tmp_path, measured.model_copy(update={"profiles": profiles}))
    assert "<script" not in (tmp_path / "report.html").read_text()
    assert nasty in page_of(tmp_path).text


def test_rejects_a_folder_that_it_cannot_write(tmp_path):
    (tmp_path / "report.json").mkdir()
    with pytest.raises(ReportError, match="cannot write"):
        write_comparison(tmp_path, made_up.comparison(methods=()))
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["report.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema_version": 2}', b"\xff\xfe"])
def test_rejects_a_file_that_is_not_a_report(tmp_path, content):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(ReportError, match="is not a report of `thumbprint compare`"):
        load_comparison(path)


def test_rejects_another_schema_version_and_a_missing_report(tmp_path):
    path = tmp_path / "report.json"
    with pytest.raises(ReportError, match="No such file"):
        load_comparison(path)
    write_comparison(tmp_path, made_up.comparison(methods=()))
    path.write_text(path.read_text().replace('"schema_version": 2', '"schema_version": 1'))
    with pytest.raises(ReportError, match=r"schema_version 1.*compare again"):
        load_comparison(path)
